// SPDX-License-Identifier: Apache-2.0
// Work in streams that waits for work in others' (the stand-in of NCCL).
#pragma once
#include <chrono>
#include <functional>
#include <string>

namespace simt {

// How long nothing may happen before what is waited for is said never to come: as long as a loaded machine may stand
// still, unless a test knows that it will not come. Set while no other thread has work.
std::chrono::seconds& patience();

// From within work that a stream runs: the other streams go on, and other threads may put work into theirs, until
// ready(). Throws Failure that says what was waited for when nothing happens for a while.
void run_others_until(const std::function<bool()>& ready, const std::string& what);

}  // namespace simt
