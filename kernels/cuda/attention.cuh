// SPDX-License-Identifier: Apache-2.0
// What the attention kernels share: which keys a query sees and which queries see a key, and where sequences lie.
#pragma once
#include "kernels/cuda/launch.cuh"

namespace hearth::kernels::cuda {

struct Range {
  int begin, end;  // positions in the sequence; empty where end <= begin
};

// The mask as the kernels take it. Positions count from the first key given of the sequence, which is its key `shift`.
struct Mask {
  int window, chunk;  // 0: none
  int shift = 0;
  bool causal;
  explicit Mask(const AttentionMask& mask)
      : window(static_cast<int>(std::clamp<int64_t>(mask.window, 0, 1 << 30))),
        chunk(static_cast<int>(std::clamp<int64_t>(mask.chunk, 0, 1 << 30))),
        causal(mask.causal) {}

  __device__ bool visible(int query, int key) const {
    if (causal && key > query) return false;
    if (window > 0 && (query - key >= window || key - query >= window)) return false;
    return chunk == 0 || chunk_of(query) == chunk_of(key);
  }
  __device__ int chunk_of(int position) const { return (position + shift) / chunk; }
  // Keys that some query of [first, last] may see, of `length`; a superset where they differ.
  __device__ Range keys(int first, int last, int length) const {
    return cut({0, causal ? last + 1 : length}, first, last, length);
  }
  // Of the queries of `all` those that may see some key of [first, last].
  __device__ Range queries(int first, int last, Range all) const {
    return cut({causal && first > all.begin ? first : all.begin, all.end}, first, last, all.end);
  }

 private:
  // What of a range lies within the window and the chunks of [first, last], before end.
  __device__ Range cut(Range range, int first, int last, int end) const {
    if (window > 0) range = {most(range.begin, first - window + 1), least(range.end, last + window)};
    if (chunk > 0) {
      range = {most(range.begin, chunk_of(first) * chunk - shift),
               least(range.end, (chunk_of(last) + 1) * chunk - shift)};
    }
    return {range.begin, least(range.end, end)};
  }
  __device__ static int least(int a, int b) { return a < b ? a : b; }
  __device__ static int most(int a, int b) { return a > b ? a : b; }
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
  const int *cu_seqlens, *key_seqlens;
  const int *first_query, *first_key;  // or none: 0
  const float* sinks;
  int64_t tokens, key_tokens;
  int n_sequences, q_heads, kv_heads, head_dim, v_dim;
  Mask mask;
  float scale, softcap;

  template <class Args>
  explicit AttentionInputs(const Args& args)
      : q(data<const T>(args.q)),
        k(data<const T>(args.k)),
        v(data<const T>(args.v)),
        cu_seqlens(data<const int>(args.cu_seqlens)),
        key_seqlens(args.runs ? data<const int>(args.runs.key_seqlens) : cu_seqlens),
        first_query(data<const int>(args.runs.first_query)),
        first_key(data<const int>(args.runs.first_key)),
        sinks(data<const float>(args.sinks)),
        tokens(args.q.shape[0]),
        key_tokens(args.k.shape[0]),
        n_sequences(static_cast<int>(args.cu_seqlens.shape[0] - 1)),
        q_heads(static_cast<int>(args.q.shape[1])),
        kv_heads(static_cast<int>(args.k.shape[1])),
        head_dim(static_cast<int>(args.q.shape[2])),
        v_dim(static_cast<int>(args.v.shape[2])),
        mask(args.mask),
        scale(args.scale),
        softcap(args.softcap) {}

  // What of a sequence is given: where its queries and keys start, how many they are, the first query's position.
  struct Run {
    int64_t start, key_start;
    int n_queries, n_keys, first;
    Mask mask;
    __device__ Range queries() const { return {first, first + n_queries}; }
  };
  __device__ Run run_of(int sequence) const {
    Run run{cu_seqlens[sequence],
            key_seqlens[sequence],
            cu_seqlens[sequence + 1] - cu_seqlens[sequence],
            key_seqlens[sequence + 1] - key_seqlens[sequence],
            0,
            mask};
    if (first_key == nullptr) return run;
    run.mask.shift = first_key[sequence];
    run.first = first_query[sequence] - first_key[sequence];
    return run;
  }
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
