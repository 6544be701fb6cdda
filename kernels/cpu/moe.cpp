// SPDX-License-Identifier: Apache-2.0
// Moving rows between tokens and experts, and the embedding table.
#include "kernels/cpu/targets.h"
// before all others
#include <vector>

#include "kernels/backend.h"
#include "kernels/cpu/rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/moe.cpp"
#include <hwy/foreach_target.h>
// after foreach_target
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hearth::kernels::cpu::HWY_NAMESPACE {

template <class T>
void combine_rows(const MoeCombineArgs& args, RowRange tokens) {
  const std::int64_t hidden = args.y.shape[1], k = args.row_of.shape[1];
  const T* const rows = args.rows.as<T>();
  for (std::int64_t token = tokens.begin; token < tokens.end; ++token) {
    const std::int32_t* const row_of = args.row_of.as<std::int32_t>() + token * k;
    const float* const weights = args.weights ? args.weights.as<float>() + token * k : nullptr;
    const T* const base = args.base ? args.base.as<T>() + token * hidden : nullptr;
    T* const y = args.y.as<T>() + token * hidden;
    for (std::int64_t i = 0; i < hidden; i += lanes) {
      const std::int64_t n = hidden - i;
      V sum = base ? load_n(base + i, n) : hn::Zero(f32_tag);
      for (std::int64_t choice = 0; choice < k; ++choice) {
        const V weight = hn::Set(f32_tag, weights ? weights[choice] : 1.0f);
        sum = hn::MulAdd(weight, load_n(rows + row_of[choice] * hidden + i, n), sum);
      }
      store_n(sum, y + i, n);
    }
  }
}

void combine(const MoeCombineArgs& args, RowRange tokens) {
  args.y.dtype == DType::bf16 ? combine_rows<bf16>(args, tokens) : combine_rows<float>(args, tokens);
}

template <class T>
void combine_backward_rows(const MoeCombineBackwardArgs& args, RowRange tokens) {
  const std::int64_t hidden = args.dy.shape[1], k = args.row_of.shape[1];
  for (std::int64_t choice = tokens.begin * k; choice < tokens.end * k; ++choice) {
    const std::int64_t row = args.row_of.as<std::int32_t>()[choice];
    const T* const dy = args.dy.as<T>() + choice / k * hidden;
    const T* const y = args.rows.as<T>() + row * hidden;
    T* const d_row = args.d_rows.as<T>() + row * hidden;
    const V weight = hn::Set(f32_tag, args.weights.as<float>()[choice]);
    V dot = hn::Zero(f32_tag);
    for (std::int64_t i = 0; i < hidden; i += lanes) {
      const std::int64_t n = hidden - i;
      const V d = load_n(dy + i, n);
      dot = hn::MulAdd(d, load_n(y + i, n), dot);
      store_n(hn::Mul(weight, d), d_row + i, n);
    }
    args.d_weights.as<float>()[choice] = sum_lanes(dot);
  }
}

void combine_backward(const MoeCombineBackwardArgs& args, RowRange tokens) {
  args.dy.dtype == DType::bf16 ? combine_backward_rows<bf16>(args, tokens) : combine_backward_rows<float>(args, tokens);
}

template <class T>
void add_row(const T* from, std::int64_t width, float* to) {
  for (std::int64_t i = 0; i < width; i += lanes)
    store_n(hn::Add(load_n(to + i, width - i), load_n(from + i, width - i)), to + i, width - i);
}

// Rows of the table whose id is `share` modulo `shares`, tokens in order.
void add_share(const EmbeddingBackwardArgs& args, std::int64_t share, std::int64_t shares) {
  const std::int64_t vocab = args.d_table.shape[0], hidden = args.dy.shape[1];
  const auto ids = args.ids.span<std::int32_t>();
  for (std::size_t token = 0; token < ids.size(); ++token) {
    const std::int64_t row = ids[token] - args.first;
    if (row % shares != share || row < 0 || row >= vocab) continue;
    float* const to = args.d_table.as<float>() + row * hidden;
    args.dy.dtype == DType::bf16 ? add_row(args.dy.as<bf16>() + token * hidden, hidden, to)
                                 : add_row(args.dy.as<float>() + token * hidden, hidden, to);
  }
}

}  // namespace hearth::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hearth::kernels::cpu {

HWY_EXPORT(combine);
HWY_EXPORT(combine_backward);
HWY_EXPORT(add_share);

void moe_sort(Stream&, const MoeSortArgs& args) {
  const auto expert_of = args.expert_ids.span<std::int32_t>(), offsets = args.offsets.span<std::int32_t>();
  const std::int64_t k = args.expert_ids.shape[1];
  std::fill(offsets.begin(), offsets.end(), 0);
  for (const std::int32_t expert : expert_of) ++offsets[expert + 1];
  for (std::size_t expert = 1; expert < offsets.size(); ++expert) offsets[expert] += offsets[expert - 1];
  std::vector<std::int32_t> next(offsets.begin(), offsets.end() - 1);
  for (std::size_t choice = 0; choice < expert_of.size(); ++choice) {
    const std::int32_t row = next[expert_of[choice]]++;
    args.row_of.as<std::int32_t>()[choice] = row;
    args.token_of.as<std::int32_t>()[row] = static_cast<std::int32_t>(static_cast<std::int64_t>(choice) / k);
  }
}

void moe_gather(Stream& stream, const MoeGatherArgs& args) {
  const std::size_t bytes = static_cast<std::size_t>(args.x.shape[1]) * size_of(args.x.dtype);
  const std::int32_t* const token_of = args.token_of.as<std::int32_t>();
  for_row_blocks(stream, args.rows.shape[0], args.x.shape[1], [&](RowRange rows, std::int64_t) {
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      std::memcpy(args.rows.data + row * bytes, args.x.data + token_of[row] * bytes, bytes);
    }
  });
}

void moe_combine(Stream& stream, const MoeCombineArgs& args) {
  for_row_blocks(stream, args.y.shape[0], args.y.shape[1] * (args.row_of.shape[1] + 1),
                 [&](RowRange tokens, std::int64_t) {
                   HWY_DYNAMIC_DISPATCH(combine)
                   (args, tokens);
                 });
}

void moe_combine_backward(Stream& stream, const MoeCombineBackwardArgs& args) {
  for_row_blocks(stream, args.dy.shape[0], args.dy.shape[1] * 2 * args.row_of.shape[1],
                 [&](RowRange tokens, std::int64_t) {
                   HWY_DYNAMIC_DISPATCH(combine_backward)
                   (args, tokens);
                 });
}

void moe_arrived(Stream&, const MoeArrivedArgs& args) {
  std::int64_t at = -args.begin;
  const std::int64_t n = args.expert_ids.n_elements();
  auto* const ids = args.expert_ids.as<std::int32_t>();
  for (std::int64_t rank = 0; rank < args.counts.shape[0]; ++rank) {
    const auto* const counts = args.counts.as<std::int32_t>() + rank * args.counts.shape[1] + args.first;
    for (std::int64_t e = 0; e < args.n_here; ++e) {
      const std::int64_t from = std::clamp<std::int64_t>(at, 0, n), to = std::clamp<std::int64_t>(at + counts[e], 0, n);
      std::fill(ids + from, ids + to, static_cast<std::int32_t>(e));
      at += counts[e];
    }
  }
}

void moe_to_rows(Stream&, const MoeToRowsArgs& args) {
  const auto row_of = args.row_of.span<std::int32_t>();
  for (std::size_t i = 0; i < row_of.size(); ++i) args.rows.as<float>()[row_of[i]] = args.choices.as<float>()[i];
}

void moe_from_rows(Stream&, const MoeFromRowsArgs& args) {
  const auto row_of = args.row_of.span<std::int32_t>();
  for (std::size_t i = 0; i < row_of.size(); ++i) args.choices.as<float>()[i] = args.rows.as<float>()[row_of[i]];
}

void embedding(Stream& stream, const EmbeddingArgs& args) {
  const std::int64_t vocab = args.table.shape[0];
  const std::size_t bytes = static_cast<std::size_t>(args.table.shape[1]) * size_of(args.table.dtype);
  const std::int32_t* const ids = args.ids.as<std::int32_t>();
  for_row_blocks(stream, args.y.shape[0], args.y.shape[1], [&](RowRange tokens, std::int64_t) {
    for (std::int64_t token = tokens.begin; token < tokens.end; ++token) {
      const std::int64_t row = ids[token] - args.first;
      std::byte* const y = args.y.data + token * bytes;
      if (row >= 0 && row < vocab)
        std::memcpy(y, args.table.data + row * bytes, bytes);
      else
        std::memset(y, 0, bytes);
    }
  });
}

void embedding_backward(Stream& stream, const EmbeddingBackwardArgs& args) {
  constexpr std::int64_t shares = 32;
  stream.pool().for_each(shares, [&](std::int64_t share, int) {
    HWY_DYNAMIC_DISPATCH(add_share)(args, share, shares);
  });
}

}  // namespace hearth::kernels::cpu
#endif
