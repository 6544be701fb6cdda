// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/attention_rows.h"

#include "kernels/cuda/attention_warp.cuh"
#include "kernels/cuda/columns.cuh"

namespace hearth::kernels::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(row_threads) forward_kernel(AttentionInputs<T> in, T* o, float* lse) {
  HEARTH_SHARED(float, row_threads, shared);
  if (warp_of_grid() >= in.tokens * in.q_heads) return;
  const int64_t token = warp_of_grid() / in.q_heads;
  const int head = static_cast<int>(warp_of_grid() % in.q_heads), kv_head = in.kv_head_of(head);
  const int lane = static_cast<int>(threadIdx.x) % warp;
  float* p = &shared[threadIdx.x / warp * warp];
  const int sequence = sequence_of(in.cu_seqlens, in.n_sequences, token);
  const auto run = in.run_of(sequence);
  const int query = run.first + static_cast<int>(token - run.start);
  const Range keys = run.mask.keys(query, query, run.n_keys);
  WarpSoftmax softmax;
  if (in.sinks != nullptr) softmax.greatest = in.sinks[head], softmax.sum = 1;
  for (int begin = keys.begin; begin < keys.end; begin += warp) {
    const int count = keys.end - begin < warp ? keys.end - begin : warp;
    float z = -INFINITY;
    if (lane < count)
      z = in.capped(in.scale *
                    dot(in.q_row(token, head), in.k_row(run.key_start + begin + lane, kv_head), in.head_dim));
    softmax.step(z, p, count, in.v_dim, [&](int j) { return in.v_row(run.key_start + begin + j, kv_head); });
  }
  const float sum = softmax.sum;
  write_row(o + (token * in.q_heads + head) * in.v_dim, softmax.sums, sum == 0 ? 0 : 1 / sum, in.v_dim);
  if (lane == 0) lse[head * in.tokens + token] = sum == 0 ? -INFINITY : softmax.greatest + logf(sum);
}

template <class T>
struct Gradients {
  const T *o, *d_o;
  const float* lse;
  float* d;  // [q_heads, tokens]: d_o . o of each query
  T *dq, *dk, *dv;
};

// p and dz of a query and a key.
struct Pair {
  float p = 0, dz = 0;
};
template <class T>
__device__ Pair pair_of(const AttentionInputs<T>& in, const Gradients<T>& g, int64_t token, int head, int64_t key) {
  const int kv_head = in.kv_head_of(head);
  const float log_sum = g.lse[head * in.tokens + token];
  if (log_sum == -INFINITY) return {};
  const float z = in.capped(in.scale * dot(in.q_row(token, head), in.k_row(key, kv_head), in.head_dim));
  const float p = expf(z - log_sum);
  const float dp = dot(g.d_o + (token * in.q_heads + head) * in.v_dim, in.v_row(key, kv_head), in.v_dim);
  const float slope = in.softcap > 0 ? cap_slope(z, in.softcap) : 1.0f;
  return {p, p * (dp - g.d[head * in.tokens + token]) * slope};
}

// Six blocks a processor: by itself ptxas spills four bytes for sm_80.
template <class T>
__global__ void __launch_bounds__(row_threads, 6) query_gradient_kernel(AttentionInputs<T> in, Gradients<T> g) {
  HEARTH_SHARED(float, row_threads, shared);
  if (warp_of_grid() >= in.tokens * in.q_heads) return;
  const int64_t token = warp_of_grid() / in.q_heads;
  const int head = static_cast<int>(warp_of_grid() % in.q_heads), kv_head = in.kv_head_of(head);
  const int lane = static_cast<int>(threadIdx.x) % warp;
  float* dz = &shared[threadIdx.x / warp * warp];
  const int64_t at = (token * in.q_heads + head) * in.v_dim;
  float d = 0;
  for (int i = lane; i < in.v_dim; i += warp) d += to_float(g.o[at + i]) * to_float(g.d_o[at + i]);
  d = warp_sum(d);
  if (lane == 0) g.d[head * in.tokens + token] = d;
  __syncwarp();
  const int sequence = sequence_of(in.cu_seqlens, in.n_sequences, token);
  const auto run = in.run_of(sequence);
  const int query = run.first + static_cast<int>(token - run.start);
  const Range keys = run.mask.keys(query, query, run.n_keys);
  float sums[elements_a_lane] = {};
  for (int begin = keys.begin; begin < keys.end; begin += warp) {
    const int count = keys.end - begin < warp ? keys.end - begin : warp;
    dz[lane] = lane < count ? pair_of(in, g, token, head, run.key_start + begin + lane).dz : 0;
    __syncwarp();
    add_rows(sums, dz, count, in.head_dim, [&](int j) { return in.k_row(run.key_start + begin + j, kv_head); });
    __syncwarp();
  }
  write_row(g.dq + (token * in.q_heads + head) * in.head_dim, sums, in.scale, in.head_dim);
}

template <class T>
__global__ void __launch_bounds__(row_threads) key_gradient_kernel(AttentionInputs<T> in, Gradients<T> g) {
  HEARTH_SHARED(float, row_threads, shared_p);
  HEARTH_SHARED(float, row_threads, shared_dz);
  if (warp_of_grid() >= in.key_tokens * in.kv_heads) return;
  const int64_t token = warp_of_grid() / in.kv_heads;
  const int kv_head = static_cast<int>(warp_of_grid() % in.kv_heads), group = in.q_heads / in.kv_heads;
  const int lane = static_cast<int>(threadIdx.x) % warp;
  float *p = &shared_p[threadIdx.x / warp * warp], *dz = &shared_dz[threadIdx.x / warp * warp];
  const int sequence = sequence_of(in.key_seqlens, in.n_sequences, token);
  const auto run = in.run_of(sequence);
  const int key = static_cast<int>(token - run.key_start);
  const Range queries = run.mask.queries(key, key, run.queries());
  const int64_t start = run.start - run.first;  // of position 0, had it a query
  float dk[elements_a_lane] = {}, dv[elements_a_lane] = {};
  for (int head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    for (int begin = queries.begin; begin < queries.end; begin += warp) {
      const int count = queries.end - begin < warp ? queries.end - begin : warp;
      const Pair pair = lane < count ? pair_of(in, g, start + begin + lane, head, token) : Pair{};
      p[lane] = pair.p, dz[lane] = pair.dz;
      __syncwarp();
      add_rows(dv, p, count, in.v_dim,
               [&](int j) { return g.d_o + ((start + begin + j) * in.q_heads + head) * in.v_dim; });
      add_rows(dk, dz, count, in.head_dim, [&](int j) { return in.q_row(start + begin + j, head); });
      __syncwarp();
    }
  }
  write_row(g.dk + (token * in.kv_heads + kv_head) * in.head_dim, dk, in.scale, in.head_dim);
  write_row(g.dv + (token * in.kv_heads + kv_head) * in.v_dim, dv, 1, in.v_dim);
}

}  // namespace

void attention_by_rows(Stream& stream, const AttentionArgs& args) {
  check_row_width(args.q);
  check_row_width(args.v);
  with_type(args.q.dtype, [&](auto type) {
    using T = decltype(type);
    launch(stream, forward_kernel<T>, warps_for(args.q.shape[0] * args.q.shape[1]), AttentionInputs<T>(args),
           data<T>(args.o), data<float>(args.lse));
  });
}

void attention_backward_by_rows(Stream& stream, const AttentionBackwardArgs& args) {
  check_row_width(args.q);
  check_row_width(args.v);
  const int64_t tokens = args.q.shape[0], heads = args.q.shape[1];
  auto* d = reinterpret_cast<float*>(stream.state<State>().scratch(attention_backward_scratch(tokens, heads)));
  with_type(args.q.dtype, [&](auto type) {
    using T = decltype(type);
    const AttentionInputs<T> in(args);
    const Gradients<T> g{
        data<const T>(args.o), data<const T>(args.d_o), data<const float>(args.lse), d, data<T>(args.dq),
        data<T>(args.dk),      data<T>(args.dv)};
    launch(stream, query_gradient_kernel<T>, warps_for(tokens * heads), in, g);
    launch(stream, key_gradient_kernel<T>, warps_for(args.k.shape[0] * args.k.shape[1]), in, g);
  });
  if (args.sinks) {
    add_columns(stream, tokens, heads,
                SinkGradient{data<const float>(args.sinks), data<const float>(args.lse), d, tokens},
                data<float>(args.dsinks), d + tokens * heads);
  }
}

}  // namespace hearth::kernels::cuda
