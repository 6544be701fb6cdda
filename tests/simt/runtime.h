// SPDX-License-Identifier: Apache-2.0
// Work in streams that waits for work in others' (the stand-in of NCCL).
#pragma once
#include <chrono>
#include <functional>
#include <string>

struct CUstream_st;

namespace simt {

// How long nothing may happen before what is waited for is said never to come: as long as a loaded machine may stand
// still, unless a test knows that it will not come. Set while no other thread has work.
std::chrono::seconds& patience();

// In the stream's order: work is called again and again, while other streams go on, until it says nothing. What it says
// it waits for: that is in the error when nothing happens for a while. Not to be recorded.
void enqueue_waiting(CUstream_st* stream, std::function<std::string()> work);

}  // namespace simt
