// SPDX-License-Identifier: Apache-2.0
#include "lib/train/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <vector>

#include "lib/base/signals.h"
#include "lib/comm/agreement.h"

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

HeldOutResult evaluate(Stream& stream, nn::Model& model, const data::HeldOut& held_out, std::int64_t rows_at_once,
                       const comm::Mesh& mesh) {
  double nats = 0;
  std::int64_t counts[3] = {0, 0, 0};  // tokens, bytes, ranks that were stopped
  std::vector<float> log_prob;
  comm::Communicator& ranks = mesh.data();
  const auto n_rows = static_cast<std::int64_t>(held_out.rows().size());
  const comm::Piece share = comm::piece_of(n_rows, ranks.rank(), ranks.size());
  const auto rows = std::span<const data::Row>(held_out.rows())
                        .subspan(static_cast<std::size_t>(share.begin), static_cast<std::size_t>(share.count));
  const auto at_once = static_cast<std::size_t>(rows_at_once);
  // All ranks make as many passes, the last ones maybe empty, and stop at the same one, where they meet within a pass.
  const bool meet = mesh.shape().data < mesh.size() || mesh.shape().expert > 1 || model.units().gathers();
  const std::int64_t n_passes = (comm::piece_of(n_rows, 0, ranks.size()).count + rows_at_once - 1) / rows_at_once;
  for (std::int64_t pass = 0; pass < n_passes; ++pass) {
    const std::int64_t stopped = stop_requested();
    if (meet ? comm::largest(mesh.world(), {stopped})[0] != 0 : stopped != 0) {
      counts[2] = 1;
      break;
    }
    const std::size_t begin = std::min(static_cast<std::size_t>(pass) * at_once, rows.size());
    const auto some = rows.subspan(begin, std::min(at_once, rows.size() - begin));
    const data::Batch batch = held_out.assemble(some, static_cast<std::int64_t>(some.size()));
    log_prob.resize(batch.tokens.size());
    model.log_probs(stream, view_of(batch), Tensor(log_prob.data(), {static_cast<std::int64_t>(log_prob.size())}));
    if (mesh.coordinates().pipeline + 1 < mesh.shape().pipeline) continue;  // the last stage has the results
    for (std::size_t i = 0; i < log_prob.size(); ++i) {
      if (batch.weights[i] > 0) nats -= log_prob[i];
    }
    counts[0] += batch.n_targets;
    counts[1] += batch.target_bytes;
  }
  Stream on_host(stream.pool());  // where the numbers are
  for (comm::Communicator* group : {&ranks, &mesh.pipeline()}) {
    group->all_reduce(on_host, Tensor(&nats, {1})).wait(on_host);
    group->all_reduce(on_host, Tensor(counts, {3})).wait(on_host);
  }
  if (counts[2] != 0) return {};
  return {.loss = nats / static_cast<double>(counts[0]),
          .bits_per_byte = nats / std::numbers::ln2 / static_cast<double>(counts[1]),
          .n_tokens = counts[0],
          .n_bytes = counts[1]};
}

}  // namespace hearth::train
