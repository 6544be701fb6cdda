// SPDX-License-Identifier: Apache-2.0
// What the attention kernels share: which keys a query sees and which queries see a key, and where sequences lie.
#pragma once
#include "kernels/cuda/launch.cuh"

namespace hearth::kernels::cuda {

struct Range {
  int begin, end;  // positions in the sequence; empty where end <= begin
};

// The mask as the kernels take it; positions count from the sequence's start.
struct Mask {
  int window, chunk;  // 0: none
  bool causal;
  explicit Mask(const AttentionMask& mask)
      : window(static_cast<int>(std::clamp<int64_t>(mask.window, 0, 1 << 30))),
        chunk(static_cast<int>(std::clamp<int64_t>(mask.chunk, 0, 1 << 30))),
        causal(mask.causal) {}

  __device__ bool visible(int query, int key) const {
    if (causal && key > query) return false;
    if (window > 0 && (query - key >= window || key - query >= window)) return false;
    return chunk == 0 || query / chunk == key / chunk;
  }
  // Keys that some query of [first, last] may see, of `length`; a superset where they differ.
  __device__ Range keys(int first, int last, int length) const {
    Range range{0, causal ? last + 1 : length};
    if (window > 0) range = {first - window + 1 > 0 ? first - window + 1 : 0, cut(range.end, last + window)};
    if (chunk > 0) {
      const int begin = first / chunk * chunk;
      range = {begin > range.begin ? begin : range.begin, cut(range.end, (last / chunk + 1) * chunk)};
    }
    return {range.begin, cut(range.end, length)};
  }
  // Queries that may see some key of [first, last].
  __device__ Range queries(int first, int last, int length) const {
    Range range{causal ? first : 0, length};
    if (window > 0) {
      const int begin = first - window + 1;
      range = {begin > range.begin ? begin : range.begin, cut(range.end, last + window)};
    }
    if (chunk > 0) {
      const int begin = first / chunk * chunk;
      range = {begin > range.begin ? begin : range.begin, cut(range.end, (last / chunk + 1) * chunk)};
    }
    return range;
  }

 private:
  __device__ static int cut(int end, int most) { return end < most ? end : most; }
};

// The sequence that token belongs to: its number.
__device__ __forceinline__ int sequence_of(const int* cu_seqlens, int n_sequences, int64_t token) {
  int low = 0, high = n_sequences;  // the last that starts at or before token
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    cu_seqlens[middle] <= token ? low = middle : high = middle;
  }
  return low;
}

// Derivative of the capped score by the score.
__device__ __forceinline__ float cap_slope(float capped, float softcap) {
  const float t = capped / softcap;
  return 1 - t * t;
}

// The operands every kernel needs; strides follow from the shapes.
template <class T>
struct AttentionInputs {
  const T *q, *k, *v;
  const int* cu_seqlens;
  const float* sinks;
  int64_t tokens;
  int n_sequences, q_heads, kv_heads, head_dim, v_dim;
  Mask mask;
  float scale, softcap;

  template <class Args>
  explicit AttentionInputs(const Args& args)
      : q(data<const T>(args.q)),
        k(data<const T>(args.k)),
        v(data<const T>(args.v)),
        cu_seqlens(data<const int>(args.cu_seqlens)),
        sinks(data<const float>(args.sinks)),
        tokens(args.q.shape[0]),
        n_sequences(static_cast<int>(args.cu_seqlens.shape[0] - 1)),
        q_heads(static_cast<int>(args.q.shape[1])),
        kv_heads(static_cast<int>(args.k.shape[1])),
        head_dim(static_cast<int>(args.q.shape[2])),
        v_dim(static_cast<int>(args.v.shape[2])),
        mask(args.mask),
        scale(args.scale),
        softcap(args.softcap) {}

  __device__ const T* q_row(int64_t token, int head) const { return q + (token * q_heads + head) * head_dim; }
  __device__ const T* k_row(int64_t token, int head) const { return k + (token * kv_heads + head) * head_dim; }
  __device__ const T* v_row(int64_t token, int head) const { return v + (token * kv_heads + head) * v_dim; }
  __device__ int kv_head_of(int head) const { return head / (q_heads / kv_heads); }
  __device__ float capped(float score) const { return softcap > 0 ? softcap * tanhf(score / softcap) : score; }
};

// What a sink's gradient sums over the queries; d [q_heads, tokens]: d_o . o.
struct SinkGradient {
  const float *sinks, *lse, *d;
  int64_t tokens;
  __device__ float operator()(int64_t token, int64_t head) const {
    const int64_t at = head * tokens + token;
    return lse[at] == -INFINITY ? 0 : -expf(sinks[head] - lse[at]) * d[at];
  }
};

}  // namespace hearth::kernels::cuda
