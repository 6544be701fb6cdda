// SPDX-License-Identifier: Apache-2.0
// Attention over pages for any dtype and width: a warp takes a query, a head and a split of the keys, first 32 scores a
// lane each, then an element of the head a lane. And the kernel that adds the splits up.
#include "kernels/attention_decode.h"

#include "kernels/cuda/attention_decode.cuh"

namespace hearth::kernels::cuda {
namespace {

constexpr int warps = 4, threads = warps * warp;
constexpr int most_width = 512, per_lane = most_width / warp;  // of a value

__device__ __forceinline__ int64_t warp_of_grid() {
  return static_cast<int64_t>(blockIdx.x) * warps + threadIdx.x / warp;
}

template <class T>
__global__ void __launch_bounds__(threads) decode_rows(DecodeInputs<T> in) {
  HEARTH_SHARED(float, threads, shared);
  if (warp_of_grid() >= in.tokens * in.q_heads) return;
  const int64_t token = warp_of_grid() / in.q_heads;
  const int head = static_cast<int>(warp_of_grid() % in.q_heads), kv_head = head / (in.q_heads / in.kv_heads);
  const int lane = static_cast<int>(threadIdx.x) % warp, split = static_cast<int>(blockIdx.y);
  float* const p = &shared[threadIdx.x / warp * warp];
  const int sequence = sequence_of(in.cu_seqlens, in.n_sequences, token), query = in.position_of(sequence, token);
  const Range keys = in.keys_of(split, query, query, in.lengths[sequence]);
  const T* const q = in.q + (token * in.q_heads + head) * in.head_dim;
  float greatest = -INFINITY, sum = 0;
  float sums[per_lane] = {};
  for (int begin = keys.begin; begin < keys.end; begin += warp) {
    const int count = keys.end - begin < warp ? keys.end - begin : warp;
    float z = -INFINITY;
    if (lane < count) {
      const T* const k = in.k_pages + in.row_of(sequence, begin + lane, kv_head) * in.head_dim;
      float dot = 0;
      for (int i = 0; i < in.head_dim; ++i) dot += to_float(q[i]) * to_float(k[i]);
      z = in.capped(in.scale * dot);
    }
    const float next = fmaxf(greatest, warp_max(z)), shrink = greatest > -INFINITY ? expf(greatest - next) : 0;
    const float probability = z == -INFINITY ? 0 : expf(z - next);
    p[lane] = probability;
    sum = sum * shrink + warp_sum(probability);
    greatest = next;
#pragma unroll
    for (int i = 0; i < per_lane; ++i) sums[i] *= shrink;
    __syncwarp();
    for (int j = 0; j < count; ++j) {
      const T* const v = in.v_pages + in.row_of(sequence, begin + j, kv_head) * in.v_pitch;
      const float by = p[j];
#pragma unroll
      for (int i = 0; i < per_lane; ++i) {
        if (lane + i * warp < in.v_dim) sums[i] += by * to_float(v[lane + i * warp]);
      }
    }
    __syncwarp();
  }
  const int64_t row = in.result_row(split, token, head);
  if (lane == 0) in.results.greatest[row] = greatest, in.results.sum[row] = sum;
  if (greatest == -INFINITY) return;
#pragma unroll
  for (int i = 0; i < per_lane; ++i) {
    if (lane + i * warp < in.v_dim) in.results.o[row * in.v_dim + lane + i * warp] = sums[i];
  }
}

// A warp a query and head.
template <class T>
__global__ void __launch_bounds__(threads) combine_splits(DecodeInputs<T> in, T* o, float* lse) {
  if (warp_of_grid() >= in.tokens * in.q_heads) return;
  const int64_t token = warp_of_grid() / in.q_heads;
  const int head = static_cast<int>(warp_of_grid() % in.q_heads), lane = static_cast<int>(threadIdx.x) % warp;
  const int length = in.lengths[sequence_of(in.cu_seqlens, in.n_sequences, token)];
  const int used = static_cast<int>(ceil_div(length, in.split_keys));
  float greatest = in.sinks != nullptr ? in.sinks[head] : -INFINITY;
  for (int s = 0; s < used; ++s) greatest = fmaxf(greatest, in.results.greatest[in.result_row(s, token, head)]);
  float sum = in.sinks != nullptr ? expf(in.sinks[head] - greatest) : 0.0f;
  float sums[per_lane] = {};
  for (int s = 0; s < used; ++s) {
    const int64_t row = in.result_row(s, token, head);
    if (in.results.greatest[row] == -INFINITY) continue;
    const float factor = expf(in.results.greatest[row] - greatest);
    sum += factor * in.results.sum[row];
#pragma unroll
    for (int i = 0; i < per_lane; ++i) {
      if (lane + i * warp < in.v_dim) sums[i] += factor * in.results.o[row * in.v_dim + lane + i * warp];
    }
  }
  const float inverse = sum == 0 ? 0 : 1 / sum;
#pragma unroll
  for (int i = 0; i < per_lane; ++i) {
    if (lane + i * warp < in.v_dim)
      store(o + (token * in.q_heads + head) * in.v_dim + lane + i * warp, inverse * sums[i]);
  }
  if (lane == 0 && lse != nullptr) lse[head * in.tokens + token] = sum == 0 ? -INFINITY : greatest + logf(sum);
}

template <class T>
void run(Stream& stream, const AttentionDecodeArgs& args) {
  DecodeInputs<T> in(args, stream.gpu_kernels().exact);
  const int64_t rows = in.tokens * in.q_heads;
  auto* memory = reinterpret_cast<float*>(
      stream.state<State>().scratch(static_cast<std::size_t>(in.n_splits * rows * (in.v_dim + 2)) * sizeof(float)));
  in.results = {memory + 2 * in.n_splits * rows, memory, memory + in.n_splits * rows};
  const auto blocks = static_cast<unsigned>(ceil_div(rows, warps));
  bool done = false;
  if constexpr (std::is_same_v<T, Bf16>) done = decode_fast(stream, args, in);
  if (!done) launch(stream, decode_rows<T>, {dim3(blocks, static_cast<unsigned>(in.n_splits)), threads}, in);
  launch(stream, combine_splits<T>, {blocks, threads}, in, data<T>(args.o), data<float>(args.lse));
}

}  // namespace

void attention_decode(Stream& stream, const AttentionDecodeArgs& args) {
  if (args.o.shape[2] > most_width)
    throw Error(Kind::config, "attention on CUDA takes heads of at most " + std::to_string(most_width) + " elements");
  with_type(args.q.dtype, [&](auto type) { run<decltype(type)>(stream, args); });
}

}  // namespace hearth::kernels::cuda
