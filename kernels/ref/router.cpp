// SPDX-License-Identifier: Apache-2.0
#include "kernels/router.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/backend.h"
#include "kernels/ref/values.h"

namespace hearth::kernels::ref {
namespace {

double log_sum_exp(const double* logits, std::int64_t n) {
  const double greatest = *std::max_element(logits, logits + n);
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += std::exp(logits[i] - greatest);
  return greatest + std::log(sum);
}

// The indices of the k greatest, best first, the lower index first among equals.
std::vector<std::int64_t> top(const Values& values, std::int64_t k) {
  std::vector<std::int64_t> ids(values.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(), [&](std::int64_t a, std::int64_t b) { return values[a] > values[b]; });
  ids.resize(k);
  return ids;
}

// choice with the experts of all but the best groups at -infinity.
Values within_best_groups(const Values& choice, const RouterOptions& options) {
  const std::int64_t size = static_cast<std::int64_t>(choice.size()) / options.groups;
  Values rank(options.groups);
  for (int group = 0; group < options.groups; ++group) {
    const Values members(choice.begin() + group * size, choice.begin() + (group + 1) * size);
    for (const std::int64_t best : top(members, std::min<std::int64_t>(2, size))) rank[group] += members[best];
  }
  Values out(choice.size(), -std::numeric_limits<double>::infinity());
  for (const std::int64_t group : top(rank, options.groups_kept)) {
    std::copy_n(choice.begin() + group * size, size, out.begin() + group * size);
  }
  return out;
}

}  // namespace

void router(Stream&, const RouterArgs& args) {
  const std::int64_t tokens = args.logits.shape[0], experts = args.logits.shape[1], k = args.expert_ids.shape[1];
  const Values logits = read(args.logits);
  Values scores(tokens * experts), weights(tokens * k);
  std::vector<std::int64_t> ids(tokens * k), counts(experts);
  for (std::int64_t token = 0; token < tokens; ++token) {
    double* score = &scores[token * experts];
    const double log_sum = log_sum_exp(&logits[token * experts], experts);
    for (std::int64_t e = 0; e < experts; ++e) {
      const double logit = logits[token * experts + e];
      score[e] = args.options.score == RouterScore::softmax ? std::exp(logit - log_sum) : 1 / (1 + std::exp(-logit));
    }
  }
  write(args.scores, scores);
  scores = read(args.scores);  // choose by the scores as stored
  const Values bias = args.selection_bias ? read(args.selection_bias) : Values(experts);
  for (std::int64_t token = 0; token < tokens; ++token) {
    const double* score = &scores[token * experts];
    Values choice(score, score + experts);
    for (std::int64_t e = 0; e < experts; ++e) choice[e] += bias[e];
    const std::vector<std::int64_t> best = top(within_best_groups(choice, args.options), k);
    double sum = args.options.renormalise ? 1e-20 : 1;
    for (std::int64_t i = 0; i < k && args.options.renormalise; ++i) sum += score[best[i]];
    for (std::int64_t i = 0; i < k; ++i) {
      ids[token * k + i] = best[i];
      weights[token * k + i] = args.options.scale * score[best[i]] / sum;
      ++counts[best[i]];
    }
  }
  write_indices(args.expert_ids, ids);
  write(args.weights, weights);
  write_indices(args.counts, counts);
}

namespace {

// Adds the gradient of the balance loss to d_scores; returns the loss.
double balance_loss(const RouterBackwardArgs& args, const Values& scores, Values& d_scores) {
  const std::int64_t experts = args.scores.shape[1], k = args.expert_ids.shape[1];
  const std::vector<std::int64_t> begin = read_indices(args.cu_seqlens);
  double loss = 0;
  for (std::size_t sequence = 0; sequence + 1 < begin.size(); ++sequence) {
    const double length = static_cast<double>(begin[sequence + 1] - begin[sequence]);
    if (length == 0) continue;
    Values f(experts), mean(experts);
    for (std::int64_t token = begin[sequence]; token < begin[sequence + 1]; ++token) {
      const double* score = &scores[token * experts];
      const double sum = std::accumulate(score, score + experts, 0.0);
      for (const std::int64_t e : top(Values(score, score + experts), k))
        f[e] += static_cast<double>(experts) / (k * length);
      for (std::int64_t e = 0; e < experts; ++e) mean[e] += score[e] / sum / length;
    }
    const double total = std::inner_product(f.begin(), f.end(), mean.begin(), 0.0);
    loss += args.balance_coefficient * length * total;
    // d(length * sum f P) / d score[e] = (f[e] - sum over j of f[j] s'[j]) / sum of scores
    for (std::int64_t token = begin[sequence]; token < begin[sequence + 1]; ++token) {
      const double* score = &scores[token * experts];
      const double sum = std::accumulate(score, score + experts, 0.0);
      const double average = std::inner_product(f.begin(), f.end(), score, 0.0) / sum;
      for (std::int64_t e = 0; e < experts; ++e) {
        d_scores[token * experts + e] += args.balance_coefficient * (f[e] - average) / sum;
      }
    }
  }
  return loss;
}

// d_scores of the chosen experts from d_weights, through the renormalisation.
void weights_backward(const RouterBackwardArgs& args, const Values& scores, Values& d_scores) {
  const std::int64_t tokens = args.scores.shape[0], experts = args.scores.shape[1], k = args.expert_ids.shape[1];
  const Values d_weights = read(args.d_weights);
  const std::vector<std::int64_t> ids = read_indices(args.expert_ids);
  for (std::int64_t token = 0; token < tokens; ++token) {
    double sum = 1, dot = 0;
    if (args.options.renormalise) {
      sum = 1e-20;
      for (std::int64_t i = token * k; i < (token + 1) * k; ++i) {
        sum += scores[token * experts + ids[i]];
        dot += d_weights[i] * scores[token * experts + ids[i]];
      }
    }
    for (std::int64_t i = token * k; i < (token + 1) * k; ++i) {
      const double mean = args.options.renormalise ? dot / sum : 0;
      d_scores[token * experts + ids[i]] += args.options.scale * (d_weights[i] - mean) / sum;
    }
  }
}

}  // namespace

void router_backward(Stream&, const RouterBackwardArgs& args) {
  const std::int64_t tokens = args.logits.shape[0], experts = args.logits.shape[1];
  const Values logits = read(args.logits), scores = read(args.scores);
  Values d_scores(scores.size()), d_logits(scores.size()), losses(2);
  weights_backward(args, scores, d_scores);
  if (args.balance_coefficient != 0) losses[0] = balance_loss(args, scores, d_scores);
  for (std::int64_t token = 0; token < tokens; ++token) {
    const std::int64_t base = token * experts;
    const double log_sum = log_sum_exp(&logits[base], experts);
    losses[1] += args.z_coefficient * log_sum * log_sum;
    double dot = 0;
    for (std::int64_t i = base; i < base + experts; ++i) dot += d_scores[i] * scores[i];
    for (std::int64_t i = base; i < base + experts; ++i) {
      d_logits[i] = args.options.score == RouterScore::softmax ? scores[i] * (d_scores[i] - dot)
                                                               : d_scores[i] * scores[i] * (1 - scores[i]);
      d_logits[i] += 2 * args.z_coefficient * log_sum * std::exp(logits[i] - log_sum);
    }
  }
  write(args.d_logits, d_logits);
  write(args.losses, losses);
}

}  // namespace hearth::kernels::ref
