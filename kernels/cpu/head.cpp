// SPDX-License-Identifier: Apache-2.0
// The output layer, a chunk of tokens at a time: logits by gemm, one pass over each row, two more gemms for the
// gradient. The gradient of the logits takes the logits' place (f32) or lies rounded beside them (bf16).
#include "kernels/cpu/targets.h"
// before all others
#include "kernels/backend.h"
#include "kernels/cpu/rows.h"

#ifndef HEARTH_KERNELS_CPU_HEAD_ROWS
#define HEARTH_KERNELS_CPU_HEAD_ROWS
namespace hearth::kernels::cpu {
// A chunk's logits [rows, vocab], and where their gradient goes: there, or rounded.
struct ChunkRows {
  float* z;
  bf16* rounded;  // or none
};
}  // namespace hearth::kernels::cpu
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/head.cpp"
#include <hwy/foreach_target.h>
// after foreach_target
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hearth::kernels::cpu::HWY_NAMESPACE {

// z in place under softcap.
void cap_row(float* z, std::int64_t vocab, float softcap) {
  const V cap = hn::Set(f32_tag, softcap);
  for (std::int64_t i = 0; i < vocab; i += lanes) {
    store_n(hn::Mul(cap, hn::Tanh(f32_tag, hn::Div(load_n(z + i, vocab - i), cap))), z + i, vocab - i);
  }
}

float greatest_of(const float* z, std::int64_t vocab) {
  float greatest = z[0];
  std::int64_t i = 0;
  V vector = hn::Set(f32_tag, greatest);
  for (; i + lanes <= vocab; i += lanes) vector = hn::Max(vector, load(z + i));
  greatest = max_lanes(vector);
  for (; i < vocab; ++i) greatest = std::max(greatest, z[i]);
  return greatest;
}

struct RowSums {
  float log_normaliser, mean;  // mean: sum of p z
};

// 256 vectors are summed in f32 at a time, those sums in f64.
RowSums sums_of(const float* z, std::int64_t vocab) {
  const float greatest = greatest_of(z, vocab);
  const V shift = hn::Set(f32_tag, greatest);
  double total = 0, weighted = 0;
  for (std::int64_t begin = 0; begin < vocab; begin += 256 * lanes) {
    const std::int64_t end = std::min(vocab, begin + 256 * lanes);
    V sum = hn::Zero(f32_tag), products = hn::Zero(f32_tag);
    std::int64_t i = begin;
    for (; i + lanes <= end; i += lanes) {
      const V value = load(z + i), p = exp_fast(hn::Sub(value, shift));
      sum = hn::Add(sum, p);
      products = hn::MulAdd(p, hn::Sub(value, shift), products);
    }
    if (i < end) {
      const auto inside = hn::FirstN(f32_tag, static_cast<std::size_t>(end - i));
      const V difference = hn::Sub(load_n(z + i, end - i), shift);
      const V p = hn::IfThenElseZero(inside, exp_fast(difference));
      sum = hn::Add(sum, p);
      products = hn::MulAdd(p, difference, products);
    }
    total += sum_lanes(sum);
    weighted += sum_lanes(products);
  }
  const double log_normaliser = greatest + std::log(total);
  return {static_cast<float>(log_normaliser), static_cast<float>(greatest + weighted / total)};
}

// dz = slope * ((b - a) p + a [target]), written to `to` (which may be z itself).
template <class T>
void gradient_row(const float* z, std::int64_t vocab, float log_normaliser, std::int64_t target, float a, float b,
                  float softcap, T* to) {
  const V shift = hn::Set(f32_tag, log_normaliser), factor = hn::Set(f32_tag, b - a), one = hn::Set(f32_tag, 1.0f);
  const V per_cap = hn::Set(f32_tag, softcap > 0 ? 1 / softcap : 0.0f);
  const float z_target = target >= 0 ? z[target] : 0;
  for (std::int64_t i = 0; i < vocab; i += lanes) {
    const V value = load_n(z + i, vocab - i), t = hn::Mul(value, per_cap);
    const V dz = hn::Mul(factor, exp_fast(hn::Sub(value, shift)));
    store_n(softcap > 0 ? hn::Mul(dz, hn::NegMulAdd(t, t, one)) : dz, to + i, vocab - i);
  }
  if (target < 0) return;
  const float slope = softcap > 0 ? 1 - z_target / softcap * (z_target / softcap) : 1.0f;
  to[target] = T(slope * ((b - a) * std::exp(z_target - log_normaliser) + a));
}

// What is known of a token becomes its logits' gradient.
void token_gradient(const HeadArgs& args, std::int64_t token, std::int64_t row, float log_normaliser,
                    const ChunkRows& chunk) {
  const std::int64_t vocab = args.weight.shape[0], id = args.targets.as<std::int32_t>()[token];
  float a = 0, b = 0;
  if (args.token_weight) {
    const float weight = id >= 0 ? args.token_weight.as<float>()[token] : 0;
    a = -weight;
    b = 2 * args.z_loss * weight * log_normaliser;
  } else {
    a = id >= 0 ? args.d_log_prob.as<float>()[token] : 0;
    if (args.d_log_normaliser) b = args.d_log_normaliser.as<float>()[token];
  }
  const std::int64_t here = id - args.part.first, target = id >= 0 && here >= 0 && here < vocab ? here : -1;
  float* const z = chunk.z + row * vocab;
  chunk.rounded ? gradient_row(z, vocab, log_normaliser, target, a, b, args.softcap, chunk.rounded + row * vocab)
                : gradient_row(z, vocab, log_normaliser, target, a, b, args.softcap, z);
}

// One token: its statistics, and its logits' gradient.
void head_row(const HeadArgs& args, std::int64_t token, std::int64_t row, const ChunkRows& chunk) {
  const std::int64_t vocab = args.weight.shape[0], target = args.targets.as<std::int32_t>()[token];
  float* const z = chunk.z + row * vocab;
  if (args.softcap > 0) cap_row(z, vocab, args.softcap);
  const RowSums sums = sums_of(z, vocab);
  if (args.log_prob) args.log_prob.as<float>()[token] = target >= 0 ? z[target] - sums.log_normaliser : 0;
  if (args.log_normaliser) args.log_normaliser.as<float>()[token] = sums.log_normaliser;
  if (args.entropy) args.entropy.as<float>()[token] = sums.log_normaliser - sums.mean;
  if (args.d_hidden) token_gradient(args, token, row, sums.log_normaliser, chunk);
}

// The same in two halves, between which the parts of the vocabulary are brought together.
void part_row(const HeadArgs& args, std::int64_t token, std::int64_t row, const ChunkRows& chunk, const Tensor& own) {
  const std::int64_t vocab = args.weight.shape[0], n = own.shape[1], id = args.targets.as<std::int32_t>()[token];
  float* const z = chunk.z + row * vocab;
  if (args.softcap > 0) cap_row(z, vocab, args.softcap);
  const std::int64_t here = id - args.part.first;
  own.as<float>()[row] = id >= 0 && here >= 0 && here < vocab ? z[here] : 0;
  own.as<float>()[n + row] = sums_of(z, vocab).log_normaliser;
}
void joined_row(const HeadArgs& args, std::int64_t token, std::int64_t row, const ChunkRows& chunk, const Tensor& all) {
  const std::int64_t n = all.shape[2];
  const auto values = all.span<float>().subspan(static_cast<std::size_t>(row));
  const auto logit = [&](int part) { return values[static_cast<std::size_t>(2 * part * n)]; };
  const auto normaliser = [&](int part) { return values[static_cast<std::size_t>((2 * part + 1) * n)]; };
  double greatest = normaliser(0), of_target = 0, sum = 0;
  for (int part = 0; part < args.part.n_parts; ++part) {
    greatest = std::max<double>(greatest, normaliser(part));
    of_target += logit(part);
  }
  for (int part = 0; part < args.part.n_parts; ++part) sum += std::exp(normaliser(part) - greatest);
  const double whole = greatest + std::log(sum);
  if (args.log_prob) {
    args.log_prob.as<float>()[token] =
        args.targets.as<std::int32_t>()[token] >= 0 ? static_cast<float>(of_target - whole) : 0;
  }
  if (args.log_normaliser) args.log_normaliser.as<float>()[token] = static_cast<float>(whole);
  if (args.d_hidden) token_gradient(args, token, row, static_cast<float>(whole), chunk);
}

}  // namespace hearth::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hearth::kernels::cpu {

HWY_EXPORT(cap_row);
HWY_EXPORT(head_row);
HWY_EXPORT(part_row);
HWY_EXPORT(joined_row);

void head(Stream& stream, const HeadArgs& args) {
  const std::int64_t tokens = args.hidden.shape[0], vocab = args.weight.shape[0];
  const std::int64_t chunk = head_chunk_tokens(args);
  const auto aligned = (reinterpret_cast<std::uintptr_t>(args.workspace.data) + 63) / 64 * 64;
  float* const logits = reinterpret_cast<float*>(aligned);
  bf16* const rounded = args.hidden.dtype == DType::bf16 ? reinterpret_cast<bf16*>(logits + chunk * vocab) : nullptr;
  for (std::int64_t begin = 0; begin < tokens; begin += chunk) {
    const std::int64_t rows = std::min(chunk, tokens - begin);
    const Tensor hidden = args.hidden.rows(begin, rows), z(logits, {rows, vocab});
    gemm(stream, {.a = hidden, .b = args.weight, .y = z, .transpose_b = true});
    const ChunkRows chunk_rows{logits, rounded};
    if (args.part.gather) {
      const HeadExchange exchange = head_exchange(args, rows);
      stream.pool().for_each(rows, [&](std::int64_t row, int) {
        HWY_DYNAMIC_DISPATCH(part_row)(args, begin + row, row, chunk_rows, exchange.own);
      });
      args.part.gather(exchange.own, exchange.all);
      stream.pool().for_each(rows, [&](std::int64_t row, int) {
        HWY_DYNAMIC_DISPATCH(joined_row)(args, begin + row, row, chunk_rows, exchange.all);
      });
    } else {
      stream.pool().for_each(rows, [&](std::int64_t row, int) {
        HWY_DYNAMIC_DISPATCH(head_row)(args, begin + row, row, chunk_rows);
      });
    }
    if (!args.d_hidden) continue;
    const Tensor dz = rounded ? Tensor(rounded, {rows, vocab}) : z;
    if (args.d_weight)
      gemm(stream, {.a = dz, .b = hidden, .y = args.d_weight, .transpose_a = true, .accumulate = true});
    gemm(stream, {.a = dz, .b = args.weight, .y = args.d_hidden.rows(begin, rows)});
  }
}

void head_logits(Stream& stream, const HeadLogitsArgs& args) {
  const std::int64_t vocab = args.weight.shape[0];
  gemm(stream, {.a = args.hidden, .b = args.weight, .y = args.logits, .transpose_b = true});
  if (args.softcap <= 0) return;
  stream.pool().for_each(args.hidden.shape[0], [&](std::int64_t row, int) {
    HWY_DYNAMIC_DISPATCH(cap_row)(args.logits.as<float>() + row * vocab, vocab, args.softcap);
  });
}

}  // namespace hearth::kernels::cpu
#endif
