// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention.h"
#include "kernels/cuda/rows.cuh"

namespace hearth::kernels::cuda {
namespace {

// A warp a query and head.
template <class T>
struct Merge {
  float *o, *lse;
  const T* part_o;
  const float* part_lse;
  int64_t tokens, heads, v_dim;
  __device__ void operator()(int64_t row, float*) const {
    const int64_t at = row % heads * tokens + row / heads;
    const float before = lse[at], part = part_lse[at];
    if (part == -INFINITY) return;
    const float greatest = fmaxf(before, part);
    const float both = greatest + logf(expf(before - greatest) + expf(part - greatest));
    const float of_o = expf(before - both), of_part = expf(part - both);
    for (int64_t i = row * v_dim + RowGroup<warp>::lane(); i < (row + 1) * v_dim; i += warp)
      o[i] = of_o * o[i] + of_part * to_float(part_o[i]);
    __syncwarp();  // all have read lse
    if (RowGroup<warp>::lane() == 0) lse[at] = both;
  }
};

// A thread a start, the end of the last sequence with them.
struct Cut {
  const int* cu_seqlens;
  int *cu_queries, *key_seqlens, *first_query, *first_key;
  int64_t sequences;
  int query_begin, n_queries, key_begin, n_keys;
  __device__ void operator()(int64_t i) const {
    const int start = cu_seqlens[i];
    cu_queries[i] = clamped(start - query_begin, n_queries);
    key_seqlens[i] = clamped(start - key_begin, n_keys);
    if (i == sequences) return;
    first_query[i] = query_begin > start ? query_begin - start : 0;
    first_key[i] = key_begin > start ? key_begin - start : 0;
  }
  __device__ static int clamped(int x, int most) { return x < 0 ? 0 : x < most ? x : most; }
};

}  // namespace

void attention_cut(Stream& stream, const AttentionCutArgs& args) {
  const int64_t starts = args.cu_seqlens.shape[0];
  each(stream, starts,
       Cut{data<const int>(args.cu_seqlens), data<int>(args.cu_queries), data<int>(args.runs.key_seqlens),
           data<int>(args.runs.first_query), data<int>(args.runs.first_key), starts - 1,
           static_cast<int>(args.query_begin), static_cast<int>(args.n_queries), static_cast<int>(args.key_begin),
           static_cast<int>(args.n_keys)});
}

void attention_merge(Stream& stream, const AttentionMergeArgs& args) {
  const int64_t tokens = args.o.shape[0], heads = args.o.shape[1], v_dim = args.o.shape[2];
  with_type(args.part_o.dtype, [&](auto type) {
    using T = decltype(type);
    each_row<warp>(stream, tokens * heads,
                   Merge<T>{data<float>(args.o), data<float>(args.lse), data<const T>(args.part_o),
                            data<const float>(args.part_lse), tokens, heads, v_dim});
  });
}

}  // namespace hearth::kernels::cuda
