// SPDX-License-Identifier: Apache-2.0
// What the kernels of attention_decode share. The keys of a sequence are cut into splits of one length, counted from
// position 0; a block sums those of one split, and combine adds the splits' results in order.
#pragma once
#include "kernels/cuda/attention.cuh"

namespace hearth::kernels::cuda {

// What a split leaves of a query and head: greatest score, sum of exp(score - greatest), and the values so weighted.
struct SplitResults {
  float* o;               // [splits, tokens, q_heads, v_dim]
  float *greatest, *sum;  // [splits, tokens, q_heads]; greatest is -INFINITY where nothing was seen
};

constexpr int exact_split_keys = 1024;

template <class T>
struct DecodeInputs {
  const T *q, *k_pages, *v_pages;
  const int *cu_seqlens, *page_table, *lengths;
  const float* sinks;  // or none
  int64_t tokens;
  int n_sequences, most_pages, page_tokens, q_heads, kv_heads, head_dim, v_dim;
  int v_pitch;  // elements from one value to the next
  int split_keys, n_splits;
  Mask mask;
  float scale, softcap;
  SplitResults results;

  DecodeInputs(const AttentionDecodeArgs& args, bool exact)
      : q(data<const T>(args.q)),
        k_pages(data<const T>(args.k_pages)),
        v_pages(data<const T>(args.v_pages ? args.v_pages : args.k_pages)),
        cu_seqlens(data<const int>(args.cu_seqlens)),
        page_table(data<const int>(args.page_table)),
        lengths(data<const int>(args.lengths)),
        sinks(data<const float>(args.sinks)),
        tokens(args.q.shape[0]),
        n_sequences(static_cast<int>(args.lengths.shape[0])),
        most_pages(static_cast<int>(args.page_table.shape[1])),
        page_tokens(static_cast<int>(args.k_pages.shape[1])),
        q_heads(static_cast<int>(args.q.shape[1])),
        kv_heads(static_cast<int>(args.k_pages.shape[2])),
        head_dim(static_cast<int>(args.q.shape[2])),
        v_dim(static_cast<int>(args.o.shape[2])),
        v_pitch(args.v_pages ? v_dim : head_dim),
        mask(args.mask),
        scale(args.scale),
        softcap(args.softcap) {
    // At most 64 splits, of at least 256 keys, in whole steps of the kernels; exact: not by how many pages others have.
    const int64_t room = int64_t{most_pages} * page_tokens;
    split_keys =
        exact ? exact_split_keys : static_cast<int>(std::max<int64_t>(256, ceil_div(ceil_div(room, 64), 64) * 64));
    n_splits = static_cast<int>(std::max<int64_t>(1, ceil_div(room, split_keys)));
  }

  // Which row of the pages holds a position of a sequence, for one kv head.
  __device__ int64_t row_of(int sequence, int position, int kv_head) const {
    const int64_t page = page_table[int64_t{sequence} * most_pages + position / page_tokens];
    return (page * page_tokens + position % page_tokens) * kv_heads + kv_head;
  }
  // Position of a query in its sequence.
  __device__ int position_of(int sequence, int64_t token) const {
    return lengths[sequence] - static_cast<int>(cu_seqlens[sequence + 1] - token);
  }
  // The keys of a split that queries at positions [first, last] may see.
  __device__ Range keys_of(int split, int first, int last, int length) const {
    Range range = mask.keys(first, last, length);
    const int begin = split * split_keys, end = begin + split_keys;
    return {range.begin > begin ? range.begin : begin, range.end < end ? range.end : end};
  }
  __device__ int64_t result_row(int split, int64_t token, int head) const {
    return (split * tokens + token) * q_heads + head;
  }
  __device__ float capped(float score) const { return softcap > 0 ? softcap * tanhf(score / softcap) : score; }
};

// On tensor cores; false where the operands are not for it: nothing was done.
bool decode_fast(Stream& stream, const AttentionDecodeArgs& args, const DecodeInputs<Bf16>& in);

}  // namespace hearth::kernels::cuda
