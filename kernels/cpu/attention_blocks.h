// SPDX-License-Identifier: Apache-2.0
// The row passes between attention's products, for one block of queries and keys. Scores lie as [queries, stride] f32;
// probabilities and their derivatives go to bf16 or f32 rows, whatever the products multiply.
#pragma once
#include <algorithm>
#include <cstdint>

#include "kernels/attention.h"

namespace hearth::kernels::cpu {

// The keys of its sequence a query sees: always one range, maybe empty. Queries and keys are counted from the first key
// given of the sequence, which is its key number `shift`.
struct KeyRange {
  std::int64_t begin, end;
};
inline KeyRange visible_keys(const AttentionMask& mask, std::int64_t query, std::int64_t length, std::int64_t shift) {
  KeyRange keys{0, mask.causal ? std::min(query + 1, length) : length};
  if (mask.window > 0) keys = {std::max(keys.begin, query - mask.window + 1), std::min(keys.end, query + mask.window)};
  if (mask.chunk > 0) {
    const std::int64_t chunk = (query + shift) / mask.chunk * mask.chunk - shift;
    keys = {std::max(keys.begin, chunk), std::min(keys.end, chunk + mask.chunk)};
  }
  return keys;
}

// Of the queries before `end` those that see a key: always one range too.
inline KeyRange visible_queries(const AttentionMask& mask, std::int64_t key, std::int64_t end, std::int64_t shift) {
  KeyRange queries{mask.causal ? key : -shift, end};
  if (mask.window > 0)
    queries = {std::max(queries.begin, key - mask.window + 1), std::min(queries.end, key + mask.window)};
  if (mask.chunk > 0) {
    const std::int64_t chunk = (key + shift) / mask.chunk * mask.chunk - shift;
    queries = {std::max(queries.begin, chunk), std::min(queries.end, chunk + mask.chunk)};
  }
  return queries;
}

// One block: queries from first_query, keys [first_key, first_key + keys) of a sequence of `length`.
struct ScoreBlock {
  const AttentionMask* mask;
  std::int64_t shift;
  std::int64_t first_query, queries, first_key, keys, length;
  float scale, softcap;
  float* scores;        // [queries, stride] f32: q . k
  std::int64_t stride;  // a multiple of 32
  void* p;              // [queries, stride], out; zeros beyond keys
  void* dz;             // [queries, stride], out (backward)
  bool p_is_bf16;
};

// Online softmax: p = exp(z - max), where max (one a query) may grow; then sum and the rows of o [queries, o_stride]
// are scaled down to it.
void softmax_block(const ScoreBlock& block, float* max, float* sum, float* o, std::int64_t o_stride);

// p = exp(z - lse), dz = scale * dz/d(q.k) * p * (dp - d); dp [queries, stride] f32.
void softmax_backward_block(const ScoreBlock& block, const float* lse, const float* dp, const float* d);

// o / sum to `out` (rows out_stride elements apart) and lse; sink: -infinity for none.
struct AttentionOutput {
  std::byte* o;
  DType dtype;
  std::int64_t stride;
  float* lse;  // or none
};
void attention_finish(const float* o, std::int64_t o_stride, std::int64_t queries, std::int64_t width, const float* max,
                      const float* sum, float sink, const AttentionOutput& output);

// d[i] = a[i] . b[i] of `rows` rows, `stride` elements apart.
void row_dots(const std::byte* a, const std::byte* b, DType dtype, std::int64_t rows, std::int64_t width,
              std::int64_t stride, float* d);

}  // namespace hearth::kernels::cpu
