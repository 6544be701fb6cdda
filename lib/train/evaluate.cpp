// SPDX-License-Identifier: Apache-2.0
#include "lib/train/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <vector>

#include "lib/base/signals.h"

namespace hearth::train {

nn::Batch view_of(const data::Batch& batch) {
  const auto n = static_cast<std::int64_t>(batch.tokens.size());
  return {.ids = Tensor(batch.tokens.data(), {n}),
          .positions = Tensor(batch.positions.data(), {n}),
          .cu_seqlens = Tensor(batch.cu_seqlens.data(), {static_cast<std::int64_t>(batch.cu_seqlens.size())}),
          .targets = Tensor(batch.targets.data(), {n}),
          .token_weight = Tensor(batch.weights.data(), {n}),
          .embeddings = {}};
}

HeldOutResult evaluate(Stream& stream, nn::Model& model, const data::HeldOut& held_out, std::int64_t rows_at_once) {
  HeldOutResult result;
  double nats = 0;
  std::vector<float> log_prob;
  const std::span<const data::Row> rows(held_out.rows());
  const auto at_once = static_cast<std::size_t>(rows_at_once);
  for (std::size_t begin = 0; begin < rows.size(); begin += at_once) {
    if (stop_requested()) return {};
    const auto some = rows.subspan(begin, std::min(at_once, rows.size() - begin));
    const data::Batch batch = held_out.assemble(some, static_cast<std::int64_t>(some.size()));
    log_prob.resize(batch.tokens.size());
    model.log_probs(stream, view_of(batch), Tensor(log_prob.data(), {static_cast<std::int64_t>(log_prob.size())}));
    for (std::size_t i = 0; i < log_prob.size(); ++i) {
      if (batch.weights[i] > 0) nats -= log_prob[i];
    }
    result.n_tokens += batch.n_targets;
    result.n_bytes += batch.target_bytes;
  }
  result.loss = nats / static_cast<double>(result.n_tokens);
  result.bits_per_byte = nats / std::numbers::ln2 / static_cast<double>(result.n_bytes);
  return result;
}

}  // namespace hearth::train
