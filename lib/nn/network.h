// SPDX-License-Identifier: Apache-2.0
// The modules of a model strung together: embedding, blocks, final norm, head. Owns no memory: parameters come from a
// ParameterSet (none when only planning), everything else from the pass's arena.
#pragma once
#include <optional>
#include <vector>

#include "lib/nn/block.h"
#include "lib/nn/head.h"
#include "lib/nn/model.h"
#include "lib/nn/rope_table.h"

namespace hearth::nn {

class Network {
 public:
  Network(const ModelConfig& config, const ParameterSet* parameters, const Parallel& parallel);

  // Brings what every pass needs and none changes to memory from arena (which may measure, then without a stream).
  void place_constants(Stream* stream, Staging& staging, Arena& arena);

  // The first recomputed_blocks blocks keep their input only. Totals and counts are added to the pass's ledger. Returns
  // what HeadLayer::forward_backward does.
  std::optional<double> forward_backward(const Pass& pass, const Objective& objective,
                                         std::int64_t recomputed_blocks) const;
  void log_probs(const Pass& pass, const Tensor& log_prob) const;
  void logits(const Pass& pass, const Tensor& row_ids, const Tensor& logits) const;

 private:
  // What all blocks of a pass use.
  struct Shared {
    std::vector<Tensor> cos_sin;  // as ropes_
    Tensor stream, delta;         // [own tokens, hidden]: what passes between blocks that do not keep it themselves
  };
  enum class Keep { all, input, nothing };

  Shared prepare(const Pass& pass) const;
  const Tensor& cos_sin_of(const Shared& shared, std::size_t layer) const { return shared.cos_sin[rope_of_[layer]]; }
  void embed(const Pass& pass, const Tensor& stream) const;
  void embed_backward(const Pass& pass, const Tensor& d) const;
  // stream: what the block before left, none for the first.
  BlockLayer::Saved forward_block(const Pass& pass, const Shared& shared, std::size_t layer, const Tensor& stream,
                                  Keep keep, const Ledger* ledger) const;
  // d [own tokens, hidden]: in, the gradient of what the blocks made; out, that of what the embedding gave.
  void backward_blocks(const Pass& pass, const Shared& shared, std::vector<BlockLayer::Saved>& saved,
                       const std::vector<std::size_t>& marks, std::size_t n_recomputed, const Tensor& d) const;
  // Forward only: the result, normed, [own tokens, hidden].
  Tensor forward(const Pass& pass) const;

  std::vector<BlockLayer> blocks_;
  std::vector<RopeTable> ropes_;       // the distinct ones
  std::vector<Tensor> frequencies_;    // of ropes_, where the kernels reach them
  std::vector<std::size_t> rope_of_;   // by layer
  HeadLayer head_;
  const Parameter *embedding_ = nullptr, *final_norm_ = nullptr;
};

}  // namespace hearth::nn
