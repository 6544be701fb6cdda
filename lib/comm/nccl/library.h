// SPDX-License-Identifier: Apache-2.0
// The part of NCCL that this project calls, declared here so that neither its header nor the library is needed to
// build: the library is opened when ranks with GPUs meet. Names and numbers are NCCL 2's.
#pragma once
#include <cstddef>
#include <string>

namespace hearth::comm::nccl {

using Handle = struct ncclComm*;
using CudaStream = void*;
struct UniqueId {
  char bytes[128];
};
using Result = int;               // 0: success
constexpr int type_of_bytes = 1;  // ncclUint8
constexpr Result in_progress = 7;

struct Library {
  Result (*get_version)(int* version);
  Result (*make_unique_id)(UniqueId* id);
  Result (*join)(Handle* made, int n_ranks, UniqueId id, int rank);  // collective
  Result (*leave)(Handle communicator);
  const char* (*error_text)(Result result);
  const char* (*last_error)(Handle communicator);
  Result (*async_error)(Handle communicator, Result* error);  // of what runs on the GPU, or of its network
  Result (*begin_group)();
  Result (*end_group)();
  Result (*send)(const void* from, std::size_t count, int type, int to, Handle communicator, CudaStream stream);
  Result (*receive)(void* to, std::size_t count, int type, int from, Handle communicator, CudaStream stream);
  Result (*all_gather)(const void* from, void* to, std::size_t count_each, int type, Handle communicator,
                       CudaStream stream);
  Result (*broadcast)(const void* from, void* to, std::size_t count, int type, int root, Handle communicator,
                      CudaStream stream);
};
// Throws Error{unavailable} that names what is missing.
const Library& library();

}  // namespace hearth::comm::nccl
