// SPDX-License-Identifier: Apache-2.0
#include "kernels/head.h"

#include <algorithm>
#include <cmath>

#include "kernels/backend.h"
#include "kernels/ref/values.h"

namespace hearth::kernels::ref {
namespace {

// The logits of one token, and how each moves with what softcap was applied to.
struct Logits {
  Values z, slope;
};

Logits logits_of(const Values& hidden, const Values& weight, std::int64_t token, std::int64_t width, double softcap) {
  const std::int64_t vocab = static_cast<std::int64_t>(weight.size()) / width;
  Logits out{Values(vocab), Values(vocab, 1)};
  for (std::int64_t id = 0; id < vocab; ++id) {
    for (std::int64_t i = 0; i < width; ++i) out.z[id] += weight[id * width + i] * hidden[token * width + i];
    if (softcap > 0) {
      const double t = std::tanh(out.z[id] / softcap);
      out.z[id] = softcap * t;
      out.slope[id] = 1 - t * t;
    }
  }
  return out;
}

struct Derivatives {
  double log_prob = 0, log_normaliser = 0;
};

Derivatives derivatives_of(const HeadArgs& args, std::int64_t token, bool has_target, double log_normaliser) {
  Derivatives d;
  if (args.token_weight) {
    const double weight = has_target ? read(args.token_weight.rows(token, 1))[0] : 0;
    d = {-weight, 2 * args.z_loss * weight * log_normaliser};
  } else {
    d.log_prob = has_target ? read(args.d_log_prob.rows(token, 1))[0] : 0;
    if (args.d_log_normaliser) d.log_normaliser = read(args.d_log_normaliser.rows(token, 1))[0];
  }
  return d;
}

// logit: of the target where it is here, else 0; becomes that of the whole, as log_normaliser does.
void join_parts(const HeadArgs& args, Values& logit, Values& log_normaliser) {
  const std::size_t tokens = logit.size(), chunk = static_cast<std::size_t>(head_chunk_tokens(args));
  for (std::size_t begin = 0; begin < tokens; begin += chunk) {
    const std::size_t n = std::min(chunk, tokens - begin);
    const HeadExchange exchange = head_exchange(args, static_cast<std::int64_t>(n));
    for (std::size_t i = 0; i < n; ++i) {
      exchange.own.as<float>()[i] = static_cast<float>(logit[begin + i]);
      exchange.own.as<float>()[n + i] = static_cast<float>(log_normaliser[begin + i]);
    }
    args.part.gather(exchange.own, exchange.all);
    const Values all = read(exchange.all);
    for (std::size_t i = 0; i < n; ++i) {
      double greatest = all[n + i], sum = 0;
      logit[begin + i] = 0;
      for (std::size_t at = i; at < all.size(); at += 2 * n) {
        greatest = std::max(greatest, all[n + at]);
        logit[begin + i] += all[at];
      }
      for (std::size_t at = i; at < all.size(); at += 2 * n) sum += std::exp(all[n + at] - greatest);
      log_normaliser[begin + i] = greatest + std::log(sum);
    }
  }
}

}  // namespace

void head(Stream&, const HeadArgs& args) {
  const std::int64_t tokens = args.hidden.shape[0], width = args.hidden.shape[1], vocab = args.weight.shape[0];
  const Values hidden = read(args.hidden), weight = read(args.weight);
  const std::vector<std::int64_t> targets = read_indices(args.targets);
  Values log_prob(tokens), log_normaliser(tokens), entropy(tokens), d_hidden(hidden.size()),
      d_weight = read(args.d_weight);
  const auto here = [&](std::int64_t token) { return targets[token] - args.part.first; };  // the target's row
  for (std::int64_t token = 0; token < tokens; ++token) {
    const Logits logits = logits_of(hidden, weight, token, width, args.softcap);
    const double greatest = *std::max_element(logits.z.begin(), logits.z.end());
    double sum = 0;
    for (const double z : logits.z) sum += std::exp(z - greatest);
    log_normaliser[token] = greatest + std::log(sum);
    entropy[token] = log_normaliser[token];
    for (const double z : logits.z) entropy[token] -= std::exp(z - log_normaliser[token]) * z;
    if (targets[token] >= 0 && here(token) >= 0 && here(token) < vocab) log_prob[token] = logits.z[here(token)];
  }
  if (args.part.gather) join_parts(args, log_prob, log_normaliser);
  for (std::int64_t token = 0; token < tokens; ++token) {
    if (targets[token] >= 0) log_prob[token] -= log_normaliser[token];
    if (!args.d_hidden) continue;
    const Logits logits = logits_of(hidden, weight, token, width, args.softcap);
    const Derivatives d = derivatives_of(args, token, targets[token] >= 0, log_normaliser[token]);
    for (std::int64_t id = 0; id < vocab; ++id) {
      const double p = std::exp(logits.z[id] - log_normaliser[token]);
      const bool is_target = targets[token] >= 0 && id == here(token);
      const double dz = logits.slope[id] * (d.log_prob * (is_target - p) + d.log_normaliser * p);
      for (std::int64_t i = 0; i < width; ++i) {
        d_hidden[token * width + i] += dz * weight[id * width + i];
        if (args.d_weight) d_weight[id * width + i] += dz * hidden[token * width + i];
      }
    }
  }
  write(args.log_prob, log_prob);
  write(args.log_normaliser, log_normaliser);
  write(args.entropy, entropy);
  write(args.d_hidden, d_hidden);
  write(args.d_weight, d_weight);
}

void head_logits(Stream&, const HeadLogitsArgs& args) {
  const Values hidden = read(args.hidden), weight = read(args.weight);
  Values logits;
  for (std::int64_t row = 0; row < args.hidden.shape[0]; ++row) {
    const Values z = logits_of(hidden, weight, row, args.hidden.shape[1], args.softcap).z;
    logits.insert(logits.end(), z.begin(), z.end());
  }
  write(args.logits, logits);
}

}  // namespace hearth::kernels::ref
