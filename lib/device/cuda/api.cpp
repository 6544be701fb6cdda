// SPDX-License-Identifier: Apache-2.0
// CUDA's runtime as a device: non-blocking streams, so that no work orders itself behind the default stream.
#include <cuda_runtime.h>

#include "lib/base/text.h"
#include "lib/device/cuda/device_api.h"

namespace hearth {
namespace {

void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess)
    throw Error(Kind::unavailable, std::string("CUDA: ") + what + ": " + cudaGetErrorString(error));
}

cudaStream_t stream_of(void* stream) {
  return static_cast<cudaStream_t>(stream);
}
cudaEvent_t event_of(void* event) {
  return static_cast<cudaEvent_t>(event);
}

std::size_t free_bytes() {
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "cannot ask for the free memory");
  return free;
}

void zero(void* stream, void* at, std::size_t bytes) {
  check(cudaMemsetAsync(at, 0, bytes, stream_of(stream)), "cannot zero memory");
}

void* make_stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cannot make a stream");
  return stream;
}
void destroy_stream(void* stream) noexcept {
  cudaStreamDestroy(stream_of(stream));
}

void wait(void* stream) {
  check(cudaStreamSynchronize(stream_of(stream)), "work on the GPU failed");
}

void* allocate(std::size_t bytes) {
  void* memory = nullptr;
  if (cudaMalloc(&memory, bytes) != cudaSuccess) {
    cudaGetLastError();  // not to be seen again by the next call
    throw Error(Kind::unavailable, "cannot get " + human_bytes(static_cast<double>(bytes)) + " of GPU memory, " +
                                       human_bytes(static_cast<double>(free_bytes())) + " are free");
  }
  void* stream = make_stream();
  zero(stream, memory, bytes);
  wait(stream);
  destroy_stream(stream);
  return memory;
}

void* allocate_staging(std::size_t bytes) {
  void* memory = nullptr;
  check(cudaHostAlloc(&memory, bytes, cudaHostAllocDefault), "cannot get pinned memory");
  return memory;
}

void* make_event() {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDefault), "cannot make an event");
  return event;
}

double seconds_between(void* from, void* to) {
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, event_of(from), event_of(to)), "cannot tell the time between events");
  return 1e-3 * milliseconds;
}

void* end_capture(void* stream) {
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(stream_of(stream), &graph), "cannot end the capture of a graph");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  check(error, "cannot make a graph");
  return executable;
}

std::string name() {
  int ordinal = 0;
  check(cudaGetDevice(&ordinal), "cannot ask for the GPU");
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, ordinal), "cannot ask for the GPU's name");
  return properties.name;
}

const DeviceApi cuda{
    .kind = DeviceKind::cuda,
    .name = name,
    .free_bytes = free_bytes,
    .allocate = allocate,
    .release = [](void* memory) noexcept { cudaFree(memory); },
    .allocate_staging = allocate_staging,
    .release_staging = [](void* memory) noexcept { cudaFreeHost(memory); },
    .make_stream = make_stream,
    .destroy_stream = destroy_stream,
    .copy =
        [](void* stream, void* to, const void* from, std::size_t bytes) {
          check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_of(stream)), "cannot copy");
        },
    .copy_rows =
        [](void* stream, void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
           std::size_t row_bytes, std::size_t n_rows) {
          check(cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, row_bytes, n_rows, cudaMemcpyDefault,
                                  stream_of(stream)),
                "cannot copy rows");
        },
    .most_pitch_bytes = (std::size_t{1} << 31) - 1,  // cudaDeviceProp's memPitch on every GPU so far
    .zero = zero,
    .wait = wait,
    .make_event = make_event,
    .destroy_event = [](void* event) noexcept { cudaEventDestroy(event_of(event)); },
    .record =
        [](void* event, void* stream) {
          check(cudaEventRecord(event_of(event), stream_of(stream)), "cannot record an event");
        },
    .wait_in_stream =
        [](void* stream, void* event) {
          check(cudaStreamWaitEvent(stream_of(stream), event_of(event), 0), "cannot wait for an event");
        },
    .wait_event = [](void* event) { check(cudaEventSynchronize(event_of(event)), "work on the GPU failed"); },
    .seconds_between = seconds_between,
    .begin_capture =
        [](void* stream) {
          check(cudaStreamBeginCapture(stream_of(stream), cudaStreamCaptureModeThreadLocal), "cannot capture a graph");
        },
    .end_capture = end_capture,
    .launch_graph =
        [](void* graph, void* stream) {
          check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), stream_of(stream)), "cannot launch a graph");
        },
    .destroy_graph = [](void* graph) noexcept { cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)); },
};

}  // namespace

const DeviceApi& cuda_device_api() {
  return cuda;
}

}  // namespace hearth
