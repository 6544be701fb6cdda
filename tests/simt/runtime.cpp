// SPDX-License-Identifier: Apache-2.0
// The runtime's stand-in. Nothing that was put into a stream happens before somebody waits for it, so that a result
// read too early is seen to be missing; a graph is a recorded list of such work. One thread at a time: whoever waits
// runs the work of his stream, and where that waits for other streams' (NCCL's does), theirs.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "tests/simt/runtime.h"
#include "tests/simt/standin/cuda_runtime.h"

std::chrono::seconds& simt::patience() {
  static std::chrono::seconds at_most{60};
  return at_most;
}

namespace {

// Held by every call, and let go while work waits for another thread's.
class Everything {
 public:
  void lock() {
    std::unique_lock lock(mutex_);
    const auto self = std::this_thread::get_id();
    if (depth_ == 0 || owner_ != self) {
      changed_.wait(lock, [&] { return depth_ == 0; });
      owner_ = self;
    }
    ++depth_;
  }
  void unlock() {
    const std::lock_guard lock(mutex_);
    if (--depth_ == 0) changed_.notify_all();
  }
  // Something happened that others may wait for.
  void tell() { ++n_changes_; }
  // Lets others on until something has happened; false: nothing for a while.
  bool wait_for_change() {
    std::unique_lock lock(mutex_);
    const auto seen = n_changes_.load();
    const int depth = std::exchange(depth_, 0);
    changed_.notify_all();
    changed_.wait_for(lock, simt::patience(), [&] { return depth_ == 0 && n_changes_ != seen; });
    changed_.wait(lock, [&] { return depth_ == 0; });
    owner_ = std::this_thread::get_id();
    depth_ = depth;
    return n_changes_ != seen;  // also where others were at work all the while
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread::id owner_;
  int depth_ = 0;
  std::atomic<long> n_changes_{0};
};
Everything& everything() {
  static Everything all;
  return all;
}
using Alone = std::lock_guard<Everything>;

// A point in a stream that events stand for.
struct Mark {
  CUstream_st* stream = nullptr;
  bool passed = false;
  double at_s = 0;
};

struct Work {
  std::function<std::string()> run;  // says what it waits for, and is then run again; nothing: it is done
  std::shared_ptr<Mark> passes;      // is passed when this has run
  std::shared_ptr<Mark> waits_for;   // must be passed before
};

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Blocks of memory by their begin: whether a host address is pinned decides when a copy of it happens.
std::map<const std::byte*, std::size_t>& blocks() {
  static std::map<const std::byte*, std::size_t> all;
  return all;
}

bool is_known(const void* at) {
  const auto* byte = static_cast<const std::byte*>(at);
  const auto above = blocks().upper_bound(byte);
  if (above == blocks().begin()) return false;
  const auto& [begin, bytes] = *std::prev(above);
  return byte < begin + bytes;
}

std::string last_failure;  // what the machine said of the kernel

cudaError_t allocate(void** at, std::size_t bytes) {
  constexpr std::size_t alignment = 256;
  // Exactly as long as asked for where the sanitizer watches the end.
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, std::max<std::size_t>(bytes, 1)) != 0) return cudaErrorMemoryAllocation;
  std::memset(memory, 0xFF, bytes);
  blocks()[static_cast<const std::byte*>(memory)] = bytes;
  *at = memory;
  return cudaSuccess;
}

}  // namespace

namespace {
std::vector<CUstream_st*>& streams() {
  static std::vector<CUstream_st*> all;
  return all;
}
}  // namespace

struct CUstream_st {
  std::deque<Work> queue;
  std::unique_ptr<std::vector<Work>> capture;
  std::string waits;                                   // what its first piece of work said
  std::thread::id maker = std::this_thread::get_id();  // ranks are threads, each with a GPU of its own

  void add(Work work) {
    if (capture)
      capture->push_back(std::move(work));
    else
      queue.push_back(std::move(work));
    everything().tell();
  }
  // Runs until mark is passed; without one, all there is. Where its work waits for others', theirs is run.
  void drain(const Mark* mark) {
    while (!queue.empty() && (mark == nullptr || !mark->passed)) {
      if (!advance() && !advance_another() && !everything().wait_for_change())
        throw simt::Failure(first_to_run().waits + " never came");
    }
  }

 private:
  // The stream whose first piece of work must run next for this one to go on.
  CUstream_st& first_to_run() {
    const std::shared_ptr<Mark>& mark = queue.front().waits_for;
    return mark && !mark->passed ? mark->stream->first_to_run() : *this;
  }
  // Runs one piece of work, or goes some of the way; false where that must wait.
  bool advance() {
    if (queue.empty()) return false;
    CUstream_st& next = first_to_run();
    return next.run_first();
  }
  bool run_first() {
    const Work& work = queue.front();
    if (work.run) {
      const std::string before = std::exchange(waits, work.run());
      if (!waits.empty()) {
        if (waits == before) return false;
        everything().tell();  // it went some of the way, which others may wait for
        return true;
      }
    }
    if (work.passes) {
      work.passes->passed = true;
      work.passes->at_s = now_s();
    }
    queue.pop_front();
    everything().tell();
    return true;
  }
  bool advance_another() {
    const std::vector<CUstream_st*>& all = streams();
    return std::any_of(all.begin(), all.end(), [&](CUstream_st* each) { return each != this && each->advance(); });
  }
};
struct CUevent_st {
  std::shared_ptr<Mark> mark;
};
struct CUgraph_st {
  std::vector<Work> work;
};
struct CUgraphExec_st {
  std::vector<Work> work;
};

namespace {
cudaError_t drain(CUstream_st* stream, const Mark* mark) {
  if (stream->capture) return cudaErrorStreamCaptureUnsupported;
  try {
    stream->drain(mark);
  } catch (const simt::Failure& failure) {
    last_failure = failure.what();
    for (CUstream_st* each : streams()) each->queue.clear();
    return cudaErrorLaunchFailure;
  }
  return cudaSuccess;
}
}  // namespace

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorLaunchFailure:
      return last_failure.c_str();
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    default:
      return "invalid argument";
  }
}
cudaError_t cudaGetLastError() {
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* count) {
  return *count = 1, cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  return device == 0 ? cudaSuccess : cudaErrorInvalidValue;
}
cudaError_t cudaGetDevice(int* device) {
  return *device = 0, cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  return *version = CUDART_VERSION, cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  std::strcpy(properties->name, "SIMT machine");
  properties->totalGlobalMem = std::size_t{1} << 30;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  *value = attribute == cudaDevAttrMultiProcessorCount ? 4 : attribute == cudaDevAttrComputeCapabilityMajor ? 9 : 0;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *free = *total = std::size_t{1} << 30;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** at, std::size_t bytes) {
  const Alone alone(everything());
  ++simt::waits().allocations;
  ++simt::waits().device_allocations;
  return allocate(at, bytes);
}
cudaError_t cudaFree(void* at) {
  const Alone alone(everything());
  for (CUstream_st* each : streams()) {  // as the device does: not while anybody may use it
    if (each->capture || each->maker != std::this_thread::get_id()) continue;
    if (const cudaError_t error = drain(each, nullptr); error != cudaSuccess) return error;
  }
  blocks().erase(static_cast<const std::byte*>(at));
  std::free(at);
  return cudaSuccess;
}
cudaError_t cudaHostAlloc(void** at, std::size_t bytes, unsigned) {
  const Alone alone(everything());
  ++simt::waits().allocations;
  return allocate(at, bytes);
}
cudaError_t cudaFreeHost(void* at) {
  return cudaFree(at);
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  const Alone alone(everything());
  if (!is_known(from) || !is_known(to)) ++simt::waits().copies;
  if (!is_known(from)) {  // pageable memory may change once this returns
    const auto* begin = static_cast<const std::byte*>(from);
    auto copy = std::make_shared<std::vector<std::byte>>(begin, begin + bytes);
    return simt::enqueue(stream, [=] { std::memcpy(to, copy->data(), bytes); });
  }
  const cudaError_t error = simt::enqueue(stream, [=] { std::memcpy(to, from, bytes); });
  return error != cudaSuccess || is_known(to) ? error : drain(stream, nullptr);
}
// Of the device's memory only, as this project asks for no other.
cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                              std::size_t width, std::size_t height, cudaMemcpyKind, cudaStream_t stream) {
  const Alone alone(everything());
  constexpr std::size_t most_pitch = (std::size_t{1} << 31) - 1;
  if (std::max(to_pitch, from_pitch) > most_pitch) return cudaErrorInvalidValue;
  if (width > to_pitch || width > from_pitch || !is_known(from) || !is_known(to)) return cudaErrorInvalidValue;
  return simt::enqueue(stream, [=] {
    for (std::size_t row = 0; row < height; ++row)
      std::memcpy(static_cast<std::byte*>(to) + row * to_pitch, static_cast<const std::byte*>(from) + row * from_pitch,
                  width);
  });
}
cudaError_t cudaMemsetAsync(void* at, int value, std::size_t bytes, cudaStream_t stream) {
  return simt::enqueue(stream, [=] { std::memset(at, value, bytes); });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const Alone alone(everything());
  *stream = new CUstream_st;
  streams().push_back(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Alone alone(everything());
  const cudaError_t error = stream->capture ? cudaSuccess : drain(stream, nullptr);
  std::erase(streams(), stream);
  delete stream;
  return error;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Alone alone(everything());
  ++simt::waits().streams;
  return drain(stream, nullptr);
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const Alone alone(everything());
  if (event->mark) stream->add({.run = {}, .passes = {}, .waits_for = event->mark});
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  const Alone alone(everything());
  if (stream->capture) return cudaErrorStreamCaptureUnsupported;
  stream->capture = std::make_unique<std::vector<Work>>();
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const Alone alone(everything());
  if (!stream->capture) return cudaErrorInvalidValue;
  *graph = new CUgraph_st{std::move(*stream->capture)};
  stream->capture.reset();
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  const Alone alone(everything());
  *executable = new CUgraphExec_st{graph->work};
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const Alone alone(everything());
  for (const Work& work : executable->work) stream->add(work);
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return delete graph, cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  return delete executable, cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return *event = new CUevent_st, cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return delete event, cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Alone alone(everything());
  event->mark = std::make_shared<Mark>(Mark{stream, false, 0});
  stream->add({.run = {}, .passes = event->mark, .waits_for = {}});
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Alone alone(everything());
  if (!event->mark || event->mark->passed) return cudaSuccess;
  const cudaError_t error = drain(event->mark->stream, event->mark.get());
  simt::Waits& waits = simt::waits();
  ++waits.events;
  waits.least_behind = std::min(waits.least_behind, static_cast<long>(event->mark->stream->queue.size()));
  return error;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  const Alone alone(everything());
  if (!from->mark || !to->mark || !from->mark->passed || !to->mark->passed) return cudaErrorNotReady;
  *milliseconds = static_cast<float>(1e3 * (to->mark->at_s - from->mark->at_s));
  return cudaSuccess;
}

namespace simt {

Waits& waits() {
  static Waits all;
  return all;
}

void enqueue_waiting(CUstream_st* stream, std::function<std::string()> work) {
  const Alone alone(everything());
  if (stream->capture) throw Failure("work that waits is not recorded");
  stream->add({.run = std::move(work), .passes = {}, .waits_for = {}});
}

cudaError_t enqueue(cudaStream_t stream, std::function<void()> work) {
  const Alone alone(everything());
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;  // the legacy stream waits for all others: not used
  stream->add({.run = [work = std::move(work)] { return work(), std::string(); }, .passes = {}, .waits_for = {}});
  return cudaSuccess;
}

cudaError_t launch(dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream, std::function<void()> kernel) {
  if (shared_bytes > most_shared_bytes || block.x * block.y * block.z > 1024 || grid.x == 0)
    return cudaErrorInvalidValue;
  return enqueue(stream, [=, kernel = std::move(kernel)] { run_grid(grid, block, shared_bytes, kernel); });
}

}  // namespace simt
