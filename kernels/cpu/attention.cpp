// SPDX-License-Identifier: Apache-2.0
// Attention by blocks of queries and keys, the products out of gemm_blocks.h, the rows between out of
// attention_blocks.h. Blocks of keys are counted from the start of their sequence; keys a row does not see add exact
// zeros, so a row does not depend on the rows computed with it.
#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cpu/attention_blocks.h"
#include "kernels/cpu/gemm_blocks.h"
#include "kernels/cpu/scratch.h"

namespace hearth::kernels::cpu {
namespace {

constexpr std::int64_t block_queries = 112;  // a multiple of both register blocks' rows, 14 and nearly 6
constexpr std::int64_t block_keys = 256;
constexpr float no_sink = -std::numeric_limits<float>::infinity();

// What of a sequence is given: queries at positions first_query to end, of which the first is token `begin` of q and o,
// and `length` keys from position 0 on, of which the first is token `key_begin` of k. Position 0 is its key `shift`.
struct Sequence {
  std::int64_t begin, length, first_query, end, key_begin, shift = 0;

  KeyRange keys(const AttentionMask& mask, std::int64_t query) const {
    return visible_keys(mask, query, length, shift);
  }
  KeyRange queries(const AttentionMask& mask, std::int64_t key) const { return visible_queries(mask, key, end, shift); }
};

std::vector<Sequence> sequences_of(const Tensor& cu_seqlens, const AttentionRuns& runs) {
  const auto begin = cu_seqlens.span<std::int32_t>();
  const auto keys = runs ? runs.key_seqlens.span<std::int32_t>() : begin;
  std::vector<Sequence> sequences;
  for (std::size_t i = 0; i + 1 < begin.size(); ++i) {
    const std::int64_t n_queries = begin[i + 1] - begin[i], n_keys = keys[i + 1] - keys[i];
    if (n_queries == 0 && n_keys == 0) continue;
    const std::int64_t shift = runs ? runs.first_key.as<std::int32_t>()[i] : 0;
    const std::int64_t first = runs ? runs.first_query.as<std::int32_t>()[i] - shift : 0;
    sequences.push_back({begin[i], n_keys, first, first + n_queries, keys[i], shift});
  }
  return sequences;
}

// Rows `token` on of one head of a [tokens, heads, width] tensor, as a matrix [tokens, width].
MatrixView head_of(const Tensor& tensor, std::int64_t token, std::int64_t head) {
  const std::int64_t width = tensor.shape[2], stride = tensor.shape[1] * width;
  return MatrixView{tensor.data, tensor.dtype, stride, 1}.at(token, head * width);
}
MatrixView transposed(const MatrixView& view) {
  return {view.data, view.dtype, view.column_stride, view.row_stride};
}

// Sizes in units and elements that depend on the head width and the GEMM blocks alone.
struct Sizes {
  const GemmBlocks* blocks;
  std::int64_t width;

  std::int64_t units() const { return ceil_div(width, blocks->unit); }  // of k, when width is summed over
  std::int64_t stride() const { return round_up(units(), 16) + 16; }    // of a copied row
  std::int64_t columns() const { return round_up(width, blocks->nr); }  // of a result
  // Packed, as [width, keys] (to multiply queries by) and as [keys, width] (to multiply probabilities by).
  std::int64_t along_units(std::int64_t keys) const { return round_up(keys, blocks->nr) * units(); }
  std::int64_t across_units(std::int64_t keys) const { return columns() * ceil_div(keys, blocks->unit); }
};

// Rows of a, in place with rows `stride` units apart (0: packed), and b packed, b_units of k to a group of columns.
struct Operands {
  const std::uint32_t* a;
  std::int64_t stride, units, rows;
  const std::uint32_t* b;
  std::int64_t b_units, columns;  // columns where all of them are wanted
};

// c[rows, columns] (+)= a b. seen(row, last row) gives the range, of columns or of k, that matters to those rows:
// scores nobody sees stay unwritten, and terms that are exact zeros are left out.
template <class Seen>
void scores_product(const GemmBlocks& blocks, const Operands& in, float* c, std::int64_t c_stride, const Seen& seen) {
  for (std::int64_t row = 0; row < in.rows; row += blocks.mr) {
    const std::int64_t rows = std::min<std::int64_t>(blocks.mr, in.rows - row);
    const KeyRange columns = seen(row, row + rows - 1);
    for (std::int64_t column = columns.begin / blocks.nr * blocks.nr; column < columns.end; column += blocks.nr) {
      blocks.multiply(in.a + row * in.stride, in.stride, in.b + column * in.b_units, in.units, static_cast<int>(rows),
                      c + row * c_stride + column, c_stride, false);
    }
  }
}
template <class Seen>
void weighted_product(const GemmBlocks& blocks, const Operands& in, float* c, std::int64_t c_stride, const Seen& seen) {
  for (std::int64_t row = 0; row < in.rows; row += blocks.mr) {
    const std::int64_t rows = std::min<std::int64_t>(blocks.mr, in.rows - row);
    const KeyRange range = seen(row, row + rows - 1);
    const std::int64_t begin = range.begin / blocks.unit, units = ceil_div(range.end, blocks.unit) - begin;
    if (range.begin >= range.end) continue;
    const std::uint32_t* const a =
        in.stride ? in.a + row * in.stride + begin : in.a + row * in.units + begin * blocks.mr;
    for (std::int64_t column = 0; column < in.columns; column += blocks.nr) {
      blocks.multiply(a, in.stride, in.b + column * in.b_units + begin * blocks.nr, units, static_cast<int>(rows),
                      c + row * c_stride + column, c_stride, true);
    }
  }
}

// What a run of rows of one block sees of its columns: keys, where rows are queries, or the other way round.
KeyRange within(const KeyRange& first, const KeyRange& last, std::int64_t begin, std::int64_t count) {
  return {std::clamp<std::int64_t>(std::min(first.begin, last.begin) - begin, 0, count),
          std::clamp<std::int64_t>(std::max(first.end, last.end) - begin, 0, count)};
}

// The units a row of p or dz takes: stride elements of 4 or 2 bytes.
std::int64_t units_of_row(const GemmBlocks& blocks, std::int64_t stride) {
  return stride / blocks.unit;
}

// Keys and values of all sequences, packed once for all queries. Key block j of a sequence starts at key j *
// block_keys.
struct PackedKeys {
  Sizes k, v;
  std::int64_t heads;
  std::uint32_t* data = nullptr;
  std::vector<std::int64_t> first = {};  // unit where each sequence's first (head, block) starts

  std::int64_t block_units() const { return k.along_units(block_keys) + v.across_units(block_keys); }
  std::int64_t n_blocks(const Sequence& sequence) const { return ceil_div(sequence.length, block_keys); }
  std::uint32_t* keys(std::size_t sequence, std::int64_t n, std::int64_t head, std::int64_t block) const {
    return data + first[sequence] + (head * n + block) * block_units();
  }
};

struct ForwardTask {
  std::size_t sequence;
  std::int64_t head, query;
};

struct ForwardScratch {
  float *scores, *o, *max, *sum;
  std::uint32_t *q, *p;

  ForwardScratch(const Sizes& k, const Sizes& v) {
    const std::int64_t score_units = block_queries * block_keys, o_units = block_queries * v.columns();
    const std::int64_t q_units = block_queries * k.stride();
    std::uint32_t* next =
        scratch<std::uint32_t>(ScratchUse::attention, 2 * score_units + o_units + q_units + 2 * block_queries);
    const auto take = [&](std::int64_t units) { return std::exchange(next, next + units); };
    scores = reinterpret_cast<float*>(take(score_units));
    p = take(score_units);
    o = reinterpret_cast<float*>(take(o_units));
    q = take(q_units);
    max = reinterpret_cast<float*>(take(block_queries));
    sum = reinterpret_cast<float*>(take(block_queries));
  }
};

void forward_block(const AttentionArgs& args, const std::vector<Sequence>& sequences, const PackedKeys& packed,
                   const ForwardTask& task) {
  const GemmBlocks& blocks = *packed.k.blocks;
  const Sequence sequence = sequences[task.sequence];
  const std::int64_t tokens = args.q.shape[0], heads = args.q.shape[1], kv_head = task.head * packed.heads / heads;
  const std::int64_t queries = std::min(block_queries, sequence.end - task.query), n = packed.n_blocks(sequence);
  const std::int64_t token = sequence.begin + task.query - sequence.first_query, columns = packed.v.columns();
  const ForwardScratch s(packed.k, packed.v);
  blocks.copy_a(head_of(args.q, token, task.head), queries, packed.k.width, s.q, packed.k.stride());
  std::fill_n(s.o, queries * columns, 0.0f);
  std::fill_n(s.max, queries, no_sink);
  std::fill_n(s.sum, queries, 0.0f);
  const std::int64_t begin = sequence.keys(args.mask, task.query).begin;
  const std::int64_t end = sequence.keys(args.mask, task.query + queries - 1).end;
  for (std::int64_t key = begin / block_keys * block_keys; key < end; key += block_keys) {
    const std::int64_t in_block = std::min(block_keys, sequence.length - key), keys = std::min(in_block, end - key);
    const std::int64_t stride = round_up(keys, 32);
    const std::uint32_t* const k = packed.keys(task.sequence, n, kv_head, key / block_keys);
    const std::uint32_t* const v = k + packed.k.along_units(block_keys);
    const auto seen = [&](std::int64_t first, std::int64_t last) {
      return within(sequence.keys(args.mask, task.query + first), sequence.keys(args.mask, task.query + last), key,
                    keys);
    };
    scores_product(blocks, {s.q, packed.k.stride(), packed.k.units(), queries, k, packed.k.units(), 0}, s.scores,
                   stride, seen);
    softmax_block({.mask = &args.mask,
                   .shift = sequence.shift,
                   .first_query = task.query,
                   .queries = queries,
                   .first_key = key,
                   .keys = keys,
                   .length = sequence.length,
                   .scale = args.scale,
                   .softcap = args.softcap,
                   .scores = s.scores,
                   .stride = stride,
                   .p = s.p,
                   .dz = nullptr,
                   .p_is_bf16 = blocks.unit == 2},
                  s.max, s.sum, s.o, columns);
    weighted_product(blocks,
                     {s.p, units_of_row(blocks, stride), 0, queries, v, ceil_div(in_block, blocks.unit), columns}, s.o,
                     columns, seen);
  }
  const MatrixView o = head_of(args.o, token, task.head);
  attention_finish(s.o, columns, queries, packed.v.width, s.max, s.sum,
                   args.sinks ? args.sinks.as<float>()[task.head] : no_sink,
                   {const_cast<std::byte*>(o.data), o.dtype, o.row_stride,
                    args.lse ? args.lse.as<float>() + task.head * tokens + token : nullptr});
}

// Packs every block of keys and values that a query sees, in parallel, into memory of the calling thread.
// rows(sequence, head, key, count, &k, &v) gives those of one block, valid until the thread asks again.
template <class Rows>
PackedKeys pack_keys(ThreadPool& pool, PackedKeys packed, const AttentionMask& mask,
                     const std::vector<Sequence>& sequences, const Rows& rows) {
  struct Task {
    std::size_t sequence;
    std::int64_t head, block;
  };
  std::vector<Task> tasks;
  std::int64_t units = 0;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    packed.first.push_back(units);
    units += packed.heads * packed.n_blocks(sequences[i]) * packed.block_units();
    if (sequences[i].first_query == sequences[i].end) continue;
    const KeyRange seen = sequences[i].keys(mask, sequences[i].first_query);
    for (std::int64_t head = 0; head < packed.heads; ++head) {
      for (std::int64_t block = seen.begin / block_keys; block < packed.n_blocks(sequences[i]); ++block)
        tasks.push_back({i, head, block});
    }
  }
  packed.data = scratch<std::uint32_t>(ScratchUse::packed_b, units);
  const GemmBlocks& blocks = *packed.k.blocks;
  pool.for_each(static_cast<std::int64_t>(tasks.size()), [&](std::int64_t i, int) {
    const auto& [sequence, head, block] = tasks[i];
    const std::int64_t begin = block * block_keys, keys = std::min(block_keys, sequences[sequence].length - begin);
    std::uint32_t* const to = packed.keys(sequence, packed.n_blocks(sequences[sequence]), head, block);
    MatrixView k{}, v{};
    rows(sequence, head, begin, keys, k, v);
    blocks.pack_b(transposed(k), packed.k.width, keys, to);
    blocks.pack_b(v, keys, packed.v.width, to + packed.k.along_units(block_keys));
  });
  return packed;
}

void forward(Stream& stream, const AttentionArgs& args, const std::vector<Sequence>& sequences,
             const PackedKeys& packed) {
  std::vector<ForwardTask> tasks;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    for (std::int64_t head = 0; head < args.q.shape[1]; ++head) {
      for (std::int64_t query = sequences[i].first_query; query < sequences[i].end; query += block_queries)
        tasks.push_back({i, head, query});
    }
  }
  stream.pool().for_each(static_cast<std::int64_t>(tasks.size()),
                         [&](std::int64_t i, int) { forward_block(args, sequences, packed, tasks[i]); });
}

}  // namespace

void attention(Stream& stream, const AttentionArgs& args) {
  const std::vector<Sequence> sequences = sequences_of(args.cu_seqlens, args.runs);
  const GemmBlocks& blocks = gemm_blocks(args.q.dtype, args.k.dtype);
  const PackedKeys sizes{{&blocks, args.k.shape[2]}, {&blocks, args.v.shape[2]}, args.k.shape[1]};
  forward(stream, args, sequences,
          pack_keys(stream.pool(), sizes, args.mask, sequences,
                    [&](std::size_t sequence, std::int64_t head, std::int64_t key, std::int64_t, MatrixView& k,
                        MatrixView& v) {
                      k = head_of(args.k, sequences[sequence].key_begin + key, head);
                      v = head_of(args.v, sequences[sequence].key_begin + key, head);
                    }));
}

// The keys and values of a block are brought together from their pages before they are packed; all else is as in
// attention, and so are the bits.
void attention_decode(Stream& stream, const AttentionDecodeArgs& args) {
  const std::int64_t page_tokens = args.k_pages.shape[1], kv_heads = args.k_pages.shape[2];
  const auto begin = args.cu_seqlens.span<std::int32_t>(), lengths = args.lengths.span<std::int32_t>();
  std::vector<Sequence> sequences;
  std::vector<const std::int32_t*> tables;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    if (begin[i + 1] == begin[i]) continue;
    sequences.push_back({begin[i], lengths[i], lengths[i] - (begin[i + 1] - begin[i]), lengths[i], 0});
    tables.push_back(args.page_table.as<std::int32_t>() + static_cast<std::int64_t>(i) * args.page_table.shape[1]);
  }
  const auto gathered = [&](const Tensor& pages, const std::int32_t* table, std::int64_t head, std::int64_t key,
                            std::int64_t keys, std::byte* to) {
    const std::size_t bytes = static_cast<std::size_t>(pages.shape[3]) * size_of(pages.dtype);
    for (std::int64_t i = key; i < key + keys; ++i) {
      const std::int64_t row = (table[i / page_tokens] * page_tokens + i % page_tokens) * kv_heads + head;
      std::memcpy(to + static_cast<std::size_t>(i - key) * bytes, pages.data + static_cast<std::size_t>(row) * bytes,
                  bytes);
    }
    return MatrixView{to, pages.dtype, pages.shape[3], 1};
  };
  const std::int64_t k_bytes = block_keys * args.k_pages.shape[3] * static_cast<std::int64_t>(size_of(args.q.dtype));
  const std::int64_t v_bytes = block_keys * args.o.shape[2] * static_cast<std::int64_t>(size_of(args.q.dtype));
  const GemmBlocks& blocks = gemm_blocks(args.q.dtype, args.q.dtype);
  const PackedKeys sizes{{&blocks, args.q.shape[2]}, {&blocks, args.o.shape[2]}, kv_heads};
  const PackedKeys packed = pack_keys(
      stream.pool(), sizes, args.mask, sequences,
      [&](std::size_t sequence, std::int64_t head, std::int64_t key, std::int64_t keys, MatrixView& k, MatrixView& v) {
        std::byte* const memory = scratch<std::byte>(ScratchUse::attention, k_bytes + v_bytes);
        k = gathered(args.k_pages, tables[sequence], head, key, keys, memory);
        v = args.v_pages ? gathered(args.v_pages, tables[sequence], head, key, keys, memory + k_bytes) : k;
      });
  AttentionArgs as_trained{};
  as_trained.q = args.q, as_trained.o = args.o, as_trained.lse = args.lse, as_trained.sinks = args.sinks;
  as_trained.mask = args.mask, as_trained.scale = args.scale, as_trained.softcap = args.softcap;
  forward(stream, as_trained, sequences, packed);
}

namespace {

// What one thread needs for one key-value head of one sequence.
struct BackwardScratch {
  std::uint32_t *k_along, *k_across, *v_along;                           // the whole sequence
  float *dk, *dv;                                                        // [length, columns] sums over queries
  std::uint32_t *q, *d_o, *q_across, *d_o_across, *p, *dz, *transposed;  // one block
  float *scores, *dp, *dq, *d;

  BackwardScratch(const Sizes& k, const Sizes& v, std::int64_t length) {
    const std::int64_t n = ceil_div(length, block_keys), score_units = block_queries * block_keys;
    const std::int64_t sizes[] = {n * k.along_units(block_keys),
                                  n * k.across_units(block_keys),
                                  n * v.along_units(block_keys),
                                  length * k.columns(),
                                  length * v.columns(),
                                  block_queries * k.stride(),
                                  block_queries * v.stride(),
                                  k.across_units(block_queries),
                                  v.across_units(block_queries),
                                  score_units,
                                  score_units,
                                  (block_keys + 16) * block_queries,
                                  score_units,
                                  score_units,
                                  block_queries * k.columns(),
                                  block_queries};
    std::int64_t total = 0;
    for (const std::int64_t size : sizes) total += round_up(size, 16);
    std::uint32_t* next = scratch<std::uint32_t>(ScratchUse::attention, total);
    std::uint32_t** const units[] = {&k_along, &k_across, &v_along,    nullptr, nullptr, &q,
                                     &d_o,     &q_across, &d_o_across, &p,      &dz,     &transposed,
                                     nullptr,  nullptr,   nullptr,     nullptr};
    float** const floats[] = {nullptr, nullptr, nullptr, &dk,     &dv,     nullptr, nullptr, nullptr,
                              nullptr, nullptr, nullptr, nullptr, &scores, &dp,     &dq,     &d};
    for (std::size_t i = 0; i < std::size(sizes); ++i) {
      if (units[i]) *units[i] = next;
      if (floats[i]) *floats[i] = reinterpret_cast<float*>(next);
      next += round_up(sizes[i], 16);
    }
    std::fill_n(dk, length * k.columns(), 0.0f);
    std::fill_n(dv, length * v.columns(), 0.0f);
  }
};

// One (sequence, key-value head): every query head of its group, block by block.
class BackwardTask {
 public:
  BackwardTask(const AttentionBackwardArgs& args, const GemmBlocks& blocks, const Sequence& sequence,
               std::int64_t kv_head)
      : args_(args),
        blocks_(blocks),
        sequence_(sequence),
        kv_head_(kv_head),
        k_{&blocks, args.k.shape[2]},
        v_{&blocks, args.v.shape[2]},
        s_(k_, v_, sequence.length) {}

  void run(float* dsinks) {
    for (std::int64_t key = 0; key < sequence_.length; key += block_keys) {
      const std::int64_t keys = std::min(block_keys, sequence_.length - key), block = key / block_keys;
      const MatrixView k = head_of(args_.k, sequence_.key_begin + key, kv_head_);
      const MatrixView v = head_of(args_.v, sequence_.key_begin + key, kv_head_);
      blocks_.pack_b(transposed(k), k_.width, keys, s_.k_along + block * k_.along_units(block_keys));
      blocks_.pack_b(k, keys, k_.width, s_.k_across + block * k_.across_units(block_keys));
      blocks_.pack_b(transposed(v), v_.width, keys, s_.v_along + block * v_.along_units(block_keys));
    }
    const std::int64_t group = args_.q.shape[1] / args_.k.shape[1];
    for (std::int64_t head = kv_head_ * group; head < (kv_head_ + 1) * group; ++head) {
      for (std::int64_t query = sequence_.first_query; query < sequence_.end; query += block_queries)
        queries_block(head, query, std::min(block_queries, sequence_.end - query), dsinks);
    }
    put(s_.dk, k_, args_.dk, sequence_.key_begin, kv_head_, sequence_.length);
    put(s_.dv, v_, args_.dv, sequence_.key_begin, kv_head_, sequence_.length);
  }

 private:
  static void put(const float* sums, const Sizes& sizes, const Tensor& to, std::int64_t token, std::int64_t head,
                  std::int64_t rows) {
    const MatrixView view = head_of(to, token, head);
    gemm_finish(sums, sizes.columns(), rows, sizes.width, 1, false,
                {const_cast<std::byte*>(view.data), view.dtype, view.row_stride});
  }

  void queries_block(std::int64_t head, std::int64_t query, std::int64_t queries, float* dsinks) {
    const std::int64_t token = sequence_.begin + query - sequence_.first_query, tokens = args_.q.shape[0];
    const MatrixView q = head_of(args_.q, token, head), d_o = head_of(args_.d_o, token, head);
    const float* const lse = args_.lse.as<float>() + head * tokens + token;
    blocks_.copy_a(q, queries, k_.width, s_.q, k_.stride());
    blocks_.copy_a(d_o, queries, v_.width, s_.d_o, v_.stride());
    blocks_.pack_b(q, queries, k_.width, s_.q_across);
    blocks_.pack_b(d_o, queries, v_.width, s_.d_o_across);
    row_dots(head_of(args_.o, token, head).data, d_o.data, d_o.dtype, queries, v_.width, d_o.row_stride, s_.d);
    if (dsinks) {
      for (std::int64_t i = 0; i < queries; ++i) {
        dsinks[head] -= std::exp(args_.sinks.as<float>()[head] - lse[i]) * s_.d[i];
      }
    }
    std::fill_n(s_.dq, queries * k_.columns(), 0.0f);
    const std::int64_t begin = sequence_.keys(args_.mask, query).begin;
    const std::int64_t end = sequence_.keys(args_.mask, query + queries - 1).end;
    for (std::int64_t key = begin / block_keys * block_keys; key < end; key += block_keys) {
      keys_block(query, queries, key, std::min(block_keys, end - key), lse);
    }
    put(s_.dq, k_, args_.dq, token, head, queries);
  }

  void keys_block(std::int64_t query, std::int64_t queries, std::int64_t key, std::int64_t keys, const float* lse) {
    const std::int64_t stride = round_up(keys, 32), block = key / block_keys, length = sequence_.length;
    const std::int64_t in_block = std::min(block_keys, length - key);
    const auto seen_keys = [&](std::int64_t first, std::int64_t last) {
      return within(sequence_.keys(args_.mask, query + first), sequence_.keys(args_.mask, query + last), key, keys);
    };
    scores_product(
        blocks_,
        {s_.q, k_.stride(), k_.units(), queries, s_.k_along + block * k_.along_units(block_keys), k_.units(), 0},
        s_.scores, stride, seen_keys);
    scores_product(
        blocks_,
        {s_.d_o, v_.stride(), v_.units(), queries, s_.v_along + block * v_.along_units(block_keys), v_.units(), 0},
        s_.dp, stride, seen_keys);
    softmax_backward_block({.mask = &args_.mask,
                            .shift = sequence_.shift,
                            .first_query = query,
                            .queries = queries,
                            .first_key = key,
                            .keys = keys,
                            .length = sequence_.length,
                            .scale = args_.scale,
                            .softcap = args_.softcap,
                            .scores = s_.scores,
                            .stride = stride,
                            .p = s_.p,
                            .dz = s_.dz,
                            .p_is_bf16 = blocks_.unit == 2},
                           lse, s_.dp, s_.d);
    weighted_product(
        blocks_,
        {s_.dz, units_of_row(blocks_, stride), 0, queries, s_.k_across + block * k_.across_units(block_keys),
         ceil_div(in_block, blocks_.unit), k_.columns()},
        s_.dq, k_.columns(), seen_keys);
    const auto seen_queries = [&](std::int64_t first, std::int64_t last) {
      return within(sequence_.queries(args_.mask, key + first), sequence_.queries(args_.mask, key + last), query,
                    queries);
    };
    add_transposed(s_.p, stride, keys, queries, s_.d_o_across, v_, s_.dv + key * v_.columns(), seen_queries);
    add_transposed(s_.dz, stride, keys, queries, s_.q_across, k_, s_.dk + key * k_.columns(), seen_queries);
  }

  // sums[keys, columns] += rows[queries, keys]^T times a packed [queries, columns].
  template <class Seen>
  void add_transposed(const std::uint32_t* rows, std::int64_t stride, std::int64_t keys, std::int64_t queries,
                      const std::uint32_t* packed, const Sizes& sizes, float* sums, const Seen& seen) {
    const DType dtype = blocks_.unit == 2 ? DType::bf16 : DType::f32;
    blocks_.pack_a({reinterpret_cast<const std::byte*>(rows), dtype, 1, stride}, keys, queries, s_.transposed);
    const std::int64_t units = ceil_div(queries, blocks_.unit);
    weighted_product(blocks_, {s_.transposed, 0, units, keys, packed, units, sizes.columns()}, sums, sizes.columns(),
                     seen);
  }

  const AttentionBackwardArgs& args_;
  const GemmBlocks& blocks_;
  const Sequence sequence_;
  const std::int64_t kv_head_;
  const Sizes k_, v_;
  const BackwardScratch s_;
};

}  // namespace

void attention_backward(Stream& stream, const AttentionBackwardArgs& args) {
  const std::vector<Sequence> sequences = sequences_of(args.cu_seqlens, args.runs);
  const GemmBlocks& blocks = gemm_blocks(args.q.dtype, args.k.dtype);
  const std::int64_t kv_heads = args.k.shape[1], heads = args.q.shape[1];
  const std::int64_t n_tasks = static_cast<std::int64_t>(sequences.size()) * kv_heads;
  std::vector<float> dsinks(args.dsinks ? sequences.size() * heads : 0);  // one row a sequence, added in order
  stream.pool().for_each(n_tasks, [&](std::int64_t i, int) {
    const std::int64_t sequence = i / kv_heads;
    BackwardTask(args, blocks, sequences[sequence], i % kv_heads)
        .run(args.dsinks ? &dsinks[sequence * heads] : nullptr);
  });
  for (std::size_t i = 0; i < dsinks.size(); ++i) args.dsinks.as<float>()[i % heads] += dsinks[i];
}

}  // namespace hearth::kernels::cpu
