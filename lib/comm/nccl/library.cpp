// SPDX-License-Identifier: Apache-2.0
#include "lib/comm/nccl/library.h"

#include "lib/device/shared_library.h"

namespace hearth::comm::nccl {
namespace {

Library load_library() {
  const SharedLibrary file("libnccl.so.2");
  Library f{};
  file.find(f.get_version, "ncclGetVersion");
  file.find(f.make_unique_id, "ncclGetUniqueId");
  file.find(f.join, "ncclCommInitRank");
  file.find(f.leave, "ncclCommDestroy");
  file.find(f.error_text, "ncclGetErrorString");
  file.find(f.last_error, "ncclGetLastError");
  file.find(f.async_error, "ncclCommGetAsyncError");
  file.find(f.begin_group, "ncclGroupStart");
  file.find(f.end_group, "ncclGroupEnd");
  file.find(f.send, "ncclSend");
  file.find(f.receive, "ncclRecv");
  file.find(f.all_gather, "ncclAllGather");
  file.find(f.broadcast, "ncclBroadcast");
  return f;
}

}  // namespace

const Library& library() {
  static const Library loaded = load_library();
  return loaded;
}

}  // namespace hearth::comm::nccl
