// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/targets.h"
// before all others
#include <limits>
#include <utility>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cpu/rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/router.cpp"
#include <hwy/foreach_target.h>
// after foreach_target
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hearth::kernels::cpu::HWY_NAMESPACE {

// p = softmax(logits); returns log sum exp.
float softmax_row(const float* logits, std::int64_t experts, float* p) {
  const float greatest = *std::max_element(logits, logits + experts);
  float total = 0;
  for (std::int64_t i = 0; i < experts; i += lanes) {
    store_n(exp_fast(hn::Sub(load_n(logits + i, experts - i), hn::Set(f32_tag, greatest))), p + i, experts - i);
  }
  for (std::int64_t i = 0; i < experts; ++i) total += p[i];
  for (std::int64_t i = 0; i < experts; ++i) p[i] /= total;
  return greatest + std::log(total);
}

void sigmoid_row(const float* logits, std::int64_t experts, float* p) {
  const V one = hn::Set(f32_tag, 1.0f);
  for (std::int64_t i = 0; i < experts; i += lanes) {
    const V e = exp_fast(hn::Neg(load_n(logits + i, experts - i)));
    store_n(hn::Div(one, hn::Add(one, e)), p + i, experts - i);
  }
}

}  // namespace hearth::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hearth::kernels::cpu {

HWY_EXPORT(softmax_row);
HWY_EXPORT(sigmoid_row);

namespace {

constexpr float taken = -std::numeric_limits<float>::infinity();

// The k greatest of values[0, n), best first, the lower index first among equals; values of chosen ones become -inf. A
// NaN counts as -infinity; when nothing greater is left, the lowest index not yet chosen.
void take_top(float* values, std::int64_t n, std::int64_t k, std::int32_t* ids) {
  for (std::int64_t i = 0; i < k; ++i) {
    std::int64_t best = -1;
    for (std::int64_t j = 0; j < n; ++j) {
      if (values[j] > (best < 0 ? taken : values[best])) best = j;
    }
    for (std::int64_t j = 0; best < 0; ++j) {
      if (std::find(ids, ids + i, static_cast<std::int32_t>(j)) == ids + i) best = j;
    }
    ids[i] = static_cast<std::int32_t>(best);
    values[best] = taken;
  }
}

// Leaves the experts of the best groups; the others become -infinity.
void keep_groups(float* choice, std::int64_t experts, const RouterOptions& options, std::vector<float>& rank,
                 std::vector<std::int32_t>& kept) {
  const std::int64_t size = experts / options.groups;
  rank.resize(options.groups);
  kept.resize(options.groups_kept);
  for (int group = 0; group < options.groups; ++group) {
    float first = taken, second = taken;
    for (std::int64_t i = group * size; i < (group + 1) * size; ++i) {
      if (choice[i] > first)
        second = std::exchange(first, choice[i]);
      else
        second = std::max(second, choice[i]);
    }
    rank[group] = size > 1 ? first + second : first;
  }
  take_top(rank.data(), options.groups, options.groups_kept, kept.data());
  for (int group = 0; group < options.groups; ++group) {
    if (std::find(kept.begin(), kept.end(), group) == kept.end()) {
      std::fill_n(choice + group * size, size, taken);
    }
  }
}

void route_tokens(const RouterArgs& args, RowRange tokens) {
  const std::int64_t experts = args.logits.shape[1], k = args.expert_ids.shape[1];
  const float* const bias = args.selection_bias ? args.selection_bias.as<float>() : nullptr;
  std::vector<float> choice(experts), rank;
  std::vector<std::int32_t> kept;
  for (std::int64_t token = tokens.begin; token < tokens.end; ++token) {
    const float* const logits = args.logits.as<float>() + token * experts;
    float* const score = args.scores.as<float>() + token * experts;
    std::int32_t* const ids = args.expert_ids.as<std::int32_t>() + token * k;
    float* const weights = args.weights.as<float>() + token * k;
    if (args.options.score == RouterScore::softmax) {
      HWY_DYNAMIC_DISPATCH(softmax_row)(logits, experts, score);
    } else {
      HWY_DYNAMIC_DISPATCH(sigmoid_row)(logits, experts, score);
    }
    for (std::int64_t e = 0; e < experts; ++e) choice[e] = score[e] + (bias ? bias[e] : 0.0f);
    if (args.options.groups > 1) keep_groups(choice.data(), experts, args.options, rank, kept);
    take_top(choice.data(), experts, k, ids);
    float sum = args.options.renormalise ? 1e-20f : 1.0f;
    for (std::int64_t i = 0; i < k && args.options.renormalise; ++i) sum += score[ids[i]];
    for (std::int64_t i = 0; i < k; ++i) weights[i] = args.options.scale * score[ids[i]] / sum;
  }
}

// Per sequence: f and the loss; each token's d_scores get their part.
struct Balance {
  std::vector<float> f;      // [sequences, experts]
  std::vector<double> loss;  // [sequences]
};

void balance_sequence(const RouterBackwardArgs& args, std::int64_t sequence, Balance& balance) {
  const auto begin = args.cu_seqlens.span<std::int32_t>();
  const std::int64_t experts = args.scores.shape[1], k = args.expert_ids.shape[1];
  const std::int64_t length = begin[sequence + 1] - begin[sequence];
  if (length == 0) return;
  float* const f = &balance.f[sequence * experts];
  std::vector<float> values(experts);
  std::vector<double> mean(experts);
  std::vector<std::int32_t> ids(k);
  for (std::int64_t token = begin[sequence]; token < begin[sequence + 1]; ++token) {
    const float* const score = args.scores.as<float>() + token * experts;
    double sum = 0;
    for (std::int64_t e = 0; e < experts; ++e) sum += values[e] = score[e];
    for (std::int64_t e = 0; e < experts; ++e) mean[e] += score[e] / sum;
    take_top(values.data(), experts, k, ids.data());
    for (const std::int32_t id : ids) f[id] += static_cast<float>(experts) / static_cast<float>(k * length);
  }
  for (std::int64_t e = 0; e < experts; ++e) balance.loss[sequence] += f[e] * mean[e];  // T * sum f P
}

// d_logits of one token. f: none, or the balance weights of its sequence. Returns the z-loss.
double token_backward(const RouterBackwardArgs& args, std::int64_t token, const float* f, float* d_scores, float* p) {
  const std::int64_t experts = args.scores.shape[1], k = args.expert_ids.shape[1];
  const float* const score = args.scores.as<float>() + token * experts;
  const std::int32_t* const ids = args.expert_ids.as<std::int32_t>() + token * k;
  const float* const d_weights = args.d_weights.as<float>() + token * k;
  float* const d_logits = args.d_logits.as<float>() + token * experts;
  std::fill_n(d_scores, experts, 0.0f);
  float sum = 1, mean = 0;
  if (args.options.renormalise) {
    sum = 1e-20f;
    for (std::int64_t i = 0; i < k; ++i) sum += score[ids[i]];
    for (std::int64_t i = 0; i < k; ++i) mean += d_weights[i] * score[ids[i]] / sum;
  }
  for (std::int64_t i = 0; i < k; ++i) d_scores[ids[i]] += args.options.scale * (d_weights[i] - mean) / sum;
  if (f) {
    float total = 0, average = 0;
    for (std::int64_t e = 0; e < experts; ++e) total += score[e], average += f[e] * score[e];
    for (std::int64_t e = 0; e < experts; ++e) {
      d_scores[e] += args.balance_coefficient * (f[e] - average / total) / total;
    }
  }
  float dot = 0;
  for (std::int64_t e = 0; e < experts; ++e) dot += d_scores[e] * score[e];
  const bool softmax = args.options.score == RouterScore::softmax;
  for (std::int64_t e = 0; e < experts; ++e) {
    d_logits[e] = softmax ? score[e] * (d_scores[e] - dot) : d_scores[e] * score[e] * (1 - score[e]);
  }
  if (args.z_coefficient == 0) return 0;
  const double log_sum = HWY_DYNAMIC_DISPATCH(softmax_row)(args.logits.as<float>() + token * experts, experts, p);
  const float factor = static_cast<float>(2 * args.z_coefficient * log_sum);
  for (std::int64_t e = 0; e < experts; ++e) d_logits[e] += factor * p[e];
  return args.z_coefficient * log_sum * log_sum;
}

}  // namespace

void router(Stream& stream, const RouterArgs& args) {
  for_row_blocks(stream, args.logits.shape[0], args.logits.shape[1] * 16,
                 [&](RowRange tokens, std::int64_t) { route_tokens(args, tokens); });
  for (const std::int32_t id : args.expert_ids.span<std::int32_t>()) ++args.counts.as<std::int32_t>()[id];
}

void router_backward(Stream& stream, const RouterBackwardArgs& args) {
  const std::int64_t tokens = args.scores.shape[0], experts = args.scores.shape[1];
  Balance balance;
  std::vector<std::int32_t> sequence_of;
  if (args.balance_coefficient != 0) {
    const auto begin = args.cu_seqlens.span<std::int32_t>();
    const std::int64_t sequences = static_cast<std::int64_t>(begin.size()) - 1;
    balance.f.resize(sequences * experts);
    balance.loss.resize(sequences);
    sequence_of.resize(tokens);
    stream.pool().for_each(sequences, [&](std::int64_t i, int) {
      balance_sequence(args, i, balance);
      std::fill(sequence_of.begin() + begin[i], sequence_of.begin() + begin[i + 1], static_cast<std::int32_t>(i));
    });
  }
  std::vector<double> z(n_row_blocks(tokens, experts * 16));
  for_row_blocks(stream, tokens, experts * 16, [&](RowRange range, std::int64_t block) {
    std::vector<float> d_scores(experts), p(experts);
    for (std::int64_t token = range.begin; token < range.end; ++token) {
      const float* const f = sequence_of.empty() ? nullptr : &balance.f[sequence_of[token] * experts];
      z[block] += token_backward(args, token, f, d_scores.data(), p.data());
    }
  });
  double balance_loss = 0, z_loss = 0;
  for (const double loss : balance.loss) balance_loss += args.balance_coefficient * loss;
  for (const double loss : z) z_loss += loss;
  args.losses.as<float>()[0] = static_cast<float>(balance_loss);
  args.losses.as<float>()[1] = static_cast<float>(z_loss);
}

}  // namespace hearth::kernels::cpu
#endif
