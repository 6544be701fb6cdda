// SPDX-License-Identifier: Apache-2.0
// Attention over pages for any dtype and width: a warp takes a query, a head and a split of the keys. And the kernel
// that adds the splits up.
#include "kernels/attention_decode.h"

#include "kernels/cuda/attention_decode.cuh"
#include "kernels/cuda/attention_warp.cuh"

namespace hearth::kernels::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(row_threads) decode_rows(DecodeInputs<T> in) {
  HEARTH_SHARED(float, row_threads, shared);
  if (warp_of_grid() >= in.tokens * in.q_heads) return;
  const int64_t token = warp_of_grid() / in.q_heads;
  const int head = static_cast<int>(warp_of_grid() % in.q_heads), kv_head = head / (in.q_heads / in.kv_heads);
  const int lane = static_cast<int>(threadIdx.x) % warp, split = static_cast<int>(blockIdx.y);
  float* const p = &shared[threadIdx.x / warp * warp];
  const int sequence = sequence_of(in.cu_seqlens, in.n_sequences, token), query = in.position_of(sequence, token);
  const Range keys = in.keys_of(split, query, query, in.lengths[sequence]);
  const T* const q = in.q + (token * in.q_heads + head) * in.head_dim;
  WarpSoftmax softmax;
  for (int begin = keys.begin; begin < keys.end; begin += warp) {
    const int count = keys.end - begin < warp ? keys.end - begin : warp;
    float z = -INFINITY;
    if (lane < count)
      z = in.capped(in.scale *
                    dot(q, in.k_pages + in.row_of(sequence, begin + lane, kv_head) * in.head_dim, in.head_dim));
    softmax.step(z, p, count, in.v_dim,
                 [&](int j) { return in.v_pages + in.row_of(sequence, begin + j, kv_head) * in.v_pitch; });
  }
  const int64_t row = in.result_row(split, token, head);
  if (lane == 0) in.results.greatest[row] = softmax.greatest, in.results.sum[row] = softmax.sum;
  if (softmax.greatest != -INFINITY) write_row(in.results.o + row * in.v_dim, softmax.sums, 1, in.v_dim);
}

// A warp a query and head. Ten blocks a processor: ptxas by itself keeps an address for each piece of a row, in 117
// registers, of which four blocks fit.
template <class T>
__global__ void __launch_bounds__(row_threads, 10) combine_splits(DecodeInputs<T> in, T* o, float* lse) {
  if (warp_of_grid() >= in.tokens * in.q_heads) return;
  const int64_t token = warp_of_grid() / in.q_heads;
  const int head = static_cast<int>(warp_of_grid() % in.q_heads), lane = static_cast<int>(threadIdx.x) % warp;
  const int length = in.lengths[sequence_of(in.cu_seqlens, in.n_sequences, token)];
  const int used = static_cast<int>(ceil_div(length, in.split_keys));
  float greatest = in.sinks != nullptr ? in.sinks[head] : -INFINITY;
  for (int s = 0; s < used; ++s) greatest = fmaxf(greatest, in.results.greatest[in.result_row(s, token, head)]);
  float sum = in.sinks != nullptr ? expf(in.sinks[head] - greatest) : 0.0f;
  float sums[elements_a_lane] = {};
  for (int s = 0; s < used; ++s) {
    const int64_t row = in.result_row(s, token, head);
    if (in.results.greatest[row] == -INFINITY) continue;
    const float factor = expf(in.results.greatest[row] - greatest);
    sum += factor * in.results.sum[row];
    add_rows(sums, &factor, 1, in.v_dim, [&](int) { return in.results.o + row * in.v_dim; });
  }
  write_row(o + (token * in.q_heads + head) * in.v_dim, sums, sum == 0 ? 0 : 1 / sum, in.v_dim);
  if (lane == 0 && lse != nullptr) lse[head * in.tokens + token] = sum == 0 ? -INFINITY : greatest + logf(sum);
}

template <class T>
void run(Stream& stream, const AttentionDecodeArgs& args) {
  DecodeInputs<T> in(args, stream.gpu_kernels().exact);
  const int64_t rows = in.tokens * in.q_heads;
  auto* memory = reinterpret_cast<float*>(
      stream.state<State>().scratch(static_cast<std::size_t>(in.n_splits * rows * (in.v_dim + 2)) * sizeof(float)));
  in.results = {memory + 2 * in.n_splits * rows, memory, memory + in.n_splits * rows};
  const Shape3 by_warps = warps_for(rows);
  bool done = false;
  if constexpr (std::is_same_v<T, Bf16>) done = decode_fast(stream, args, in);
  if (!done)
    launch(stream, decode_rows<T>, {dim3(by_warps.grid.x, static_cast<unsigned>(in.n_splits)), row_threads}, in);
  launch(stream, combine_splits<T>, by_warps, in, data<T>(args.o), data<float>(args.lse));
}

}  // namespace

void attention_decode(Stream& stream, const AttentionDecodeArgs& args) {
  check_row_width(args.o);
  with_type(args.q.dtype, [&](auto type) { run<decltype(type)>(stream, args); });
}

}  // namespace hearth::kernels::cuda
