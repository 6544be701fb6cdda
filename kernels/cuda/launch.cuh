// SPDX-License-Identifier: Apache-2.0
// From an op's Args to a kernel on its stream: launching, dtypes as types, elements as floats, and what the backend
// keeps with a stream (State).
#pragma once
#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cuda/blas.cuh"
#include "kernels/cuda/dnn/attention_plans.h"
#include "kernels/cuda/expert_streams.h"
#include "kernels/cuda/ptx.cuh"
#include "kernels/cuda/scratch.h"
#include "lib/device/memory.h"

namespace hearth::kernels::cuda {

using std::int64_t;
using Bf16 = __nv_bfloat16;

inline void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess)
    throw Error(Kind::unavailable, std::string("CUDA: ") + what + ": " + cudaGetErrorString(error));
}

inline cudaStream_t native(const Stream& stream) {
  return static_cast<cudaStream_t>(stream.native());
}

// What the backend keeps with a stream.
class State {
 public:
  explicit State(Stream& stream) : stream_(stream) {
    check(cudaDeviceGetAttribute(&n_processors_, cudaDevAttrMultiProcessorCount, 0), "cannot ask for the processors");
  }

  int n_processors() const { return n_processors_; }
  Blas& blas() {
    if (!blas_) blas_.emplace(stream_);
    return *blas_;
  }
  // None where cuDNN cannot be used; then dnn_problem() says why.
  dnn::AttentionPlans* dnn() {
    if (!dnn_ && dnn_problem_.empty()) {
      try {
        dnn_.emplace(stream_.native());
      } catch (const Error& error) {
        dnn_problem_ = error.what();
      }
    }
    return dnn_ ? &*dnn_ : nullptr;
  }
  const std::string& dnn_problem() const { return dnn_problem_; }
  ExpertStreams& expert_streams() {
    if (!expert_streams_) expert_streams_.emplace(stream_);
    return *expert_streams_;
  }
  // Memory for the running op alone: the next op of the stream may use it again. What was lent to the stream, behind
  // cuBLASLt's part of it; where that is too small, memory of its own, which stays, as recorded work goes on using it.
  std::byte* scratch(std::size_t bytes) {
    const Buffer* lent = stream_.lent();
    if (lent != nullptr && lent->bytes() >= blas_workspace_bytes + bytes) return lent->data() + blas_workspace_bytes;
    return own(bytes);
  }
  std::byte* blas_workspace() {
    const Buffer* lent = stream_.lent();
    if (lent != nullptr && lent->bytes() >= blas_workspace_bytes) return lent->data();
    if (own_blas_workspace_.bytes() == 0) own_blas_workspace_ = Buffer(blas_workspace_bytes, stream_.device());
    return own_blas_workspace_.data();
  }

 private:
  std::byte* own(std::size_t bytes) {
    if (scratch_.empty() || scratch_.back().bytes() < bytes) scratch_.emplace_back(bytes, stream_.device());
    return scratch_.back().data();
  }

  Stream& stream_;
  int n_processors_ = 1;
  std::vector<Buffer> scratch_;
  Buffer own_blas_workspace_;
  std::optional<Blas> blas_;
  std::optional<dnn::AttentionPlans> dnn_;
  std::string dnn_problem_;
  std::optional<ExpertStreams> expert_streams_;
};

struct Shape3 {
  dim3 grid, block;
  std::size_t shared_bytes = 0;
};

template <class... Parameters, class... Arguments>
void launch(Stream& stream, void (*kernel)(Parameters...), const Shape3& shape, Arguments&&... arguments) {
#ifdef __CUDACC__
  if (shape.shared_bytes > (48u << 10)) {
    check(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shape.shared_bytes)),
        "too much shared memory");
  }
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = native(stream);
  check(cudaLaunchKernelEx(&config, kernel, Parameters(std::forward<Arguments>(arguments))...), "cannot launch");
#else
  check(simt::launch(shape.grid, shape.block, shape.shared_bytes, native(stream),
                     [=] { kernel(Parameters(arguments)...); }),
        "cannot launch");
#endif
}

constexpr int warp = 32;
__host__ __device__ constexpr int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// A pointer into a tensor as the device's type of it.
template <class T>
T* data(const Tensor& tensor) {
  return reinterpret_cast<T*>(tensor.data);
}

// body(T{}) with the device's type of an f32 or bf16 tensor.
template <class Body>
void with_type(DType dtype, const Body& body) {
  if (dtype == DType::bf16)
    body(Bf16{});
  else
    body(float{});
}

__device__ __forceinline__ float to_float(float x) {
  return x;
}
__device__ __forceinline__ float to_float(Bf16 x) {
  return __bfloat162float(x);
}
__device__ __forceinline__ void store(float* at, float x) {
  *at = x;
}
__device__ __forceinline__ void store(Bf16* at, float x) {
  *at = __float2bfloat16_rn(x);
}
// x as it would be read back from a T.
template <class T>
__device__ __forceinline__ float rounded(float x) {
  T stored;
  store(&stored, x);
  return to_float(stored);
}

__device__ __forceinline__ float low_half(std::uint32_t pair) {
  return __uint_as_float(pair << 16);
}
__device__ __forceinline__ float high_half(std::uint32_t pair) {
  return __uint_as_float(pair & 0xFFFF0000u);
}

// n elements from `at` on, n 1 (any address) or 8 (16-byte aligned).
template <int n>
__device__ __forceinline__ void load(const float* at, float (&x)[n]) {
  if constexpr (n == 8) {
    const float4 a = reinterpret_cast<const float4*>(at)[0], b = reinterpret_cast<const float4*>(at)[1];
    x[0] = a.x, x[1] = a.y, x[2] = a.z, x[3] = a.w, x[4] = b.x, x[5] = b.y, x[6] = b.z, x[7] = b.w;
  } else {
    x[0] = *at;
  }
}
template <int n>
__device__ __forceinline__ void load(const Bf16* at, float (&x)[n]) {
  if constexpr (n == 8) {
    const uint4 a = *reinterpret_cast<const uint4*>(at);
    x[0] = low_half(a.x), x[1] = high_half(a.x), x[2] = low_half(a.y), x[3] = high_half(a.y);
    x[4] = low_half(a.z), x[5] = high_half(a.z), x[6] = low_half(a.w), x[7] = high_half(a.w);
  } else {
    x[0] = to_float(*at);
  }
}
template <int n>
__device__ __forceinline__ void store(float* at, const float (&x)[n]) {
  if constexpr (n == 8) {
    reinterpret_cast<float4*>(at)[0] = make_float4(x[0], x[1], x[2], x[3]);
    reinterpret_cast<float4*>(at)[1] = make_float4(x[4], x[5], x[6], x[7]);
  } else {
    *at = x[0];
  }
}
template <int n>
__device__ __forceinline__ void store(Bf16* at, const float (&x)[n]) {
  if constexpr (n == 8) {
    *reinterpret_cast<uint4*>(at) = make_uint4(pack(x[0], x[1]), pack(x[2], x[3]), pack(x[4], x[5]), pack(x[6], x[7]));
  } else {
    store(at, x[0]);
  }
}

// Whether rows of `width` elements of all these tensors (absent ones do not count) can be taken eight at a time.
template <class... Tensors>
bool in_eights(int64_t width, const Tensors&... tensors) {
  return width % 8 == 0 && ((reinterpret_cast<std::uintptr_t>(tensors.data) % 16 == 0) && ...);
}

// f(i) for i in [0, count), a thread each.
template <class F>
__global__ void __launch_bounds__(256) each_kernel(F f, int64_t count) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x;
  if (i < count) f(i);
}
template <class F>
void each(Stream& stream, int64_t count, const F& f) {
  launch(stream, each_kernel<F>, {static_cast<unsigned>(ceil_div(count, 256)), 256}, f, count);
}

__device__ __forceinline__ float warp_sum(float x) {
  for (int lanes = 16; lanes > 0; lanes /= 2) x += __shfl_xor_sync(~0u, x, lanes);
  return x;
}
__device__ __forceinline__ float warp_max(float x) {
  for (int lanes = 16; lanes > 0; lanes /= 2) x = fmaxf(x, __shfl_xor_sync(~0u, x, lanes));
  return x;
}
// Sums over a block of `threads`; `parts` is shared memory for threads / 32 floats. All threads get the result.
template <int threads>
__device__ __forceinline__ float block_sum(float x, float* parts) {
  x = warp_sum(x);
  __syncthreads();  // parts may still be read
  if (threadIdx.x % warp == 0) parts[threadIdx.x / warp] = x;
  __syncthreads();
  x = 0;
  for (int i = 0; i < threads / warp; ++i) x += parts[i];
  return x;
}
template <int threads>
__device__ __forceinline__ float block_max(float x, float* parts) {
  x = warp_max(x);
  __syncthreads();
  if (threadIdx.x % warp == 0) parts[threadIdx.x / warp] = x;
  __syncthreads();
  x = parts[0];
  for (int i = 1; i < threads / warp; ++i) x = fmaxf(x, parts[i]);
  return x;
}

}  // namespace hearth::kernels::cuda
