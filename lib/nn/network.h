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

  // Memory from arena, which may measure, for what every pass needs and none changes; and that brought there.
  void allocate_constants(const Device& device, Arena& arena);
  void place_constants(Stream& stream) const;

  // A microbatch between its forward and its backward, in memory of the pass's arena that lasts as long.
  struct Flight;
  // The first recomputed_blocks blocks keep their input only. Totals and counts are added to the pass's ledger.
  // A stage begins with what the one before made (Pass::received), and leaves what it made in flight.made.
  void forward(const Pass& pass, std::int64_t recomputed_blocks, Flight& flight) const;
  // flight.d: a stage before the last finds its gradient of flight.made there, one behind the first leaves there that
  // of what it received. Returns what HeadLayer::forward_backward does.
  std::optional<double> backward(const Pass& pass, const Objective& objective, Flight& flight) const;
  std::optional<double> forward_backward(const Pass& pass, const Objective& objective,
                                         std::int64_t recomputed_blocks) const;
  // log_prob lies where the kernels reach it. Among pipeline stages the last has results, and it is untouched
  // elsewhere.
  void log_probs(const Pass& pass, const Tensor& log_prob) const;
  // The result is on every rank.
  void logits(const Pass& pass, const Tensor& row_ids, const Tensor& logits) const;

 private:
  // What all blocks of a pass use.
  struct Shared {
    std::vector<Tensor> cos_sin;  // as ropes_
    Tensor stream, delta;         // [own tokens, hidden]: what passes between blocks that do not keep it themselves
  };
  enum class Keep { all, input, nothing };

  // Units of ParameterSpec, which the pass brings together.
  std::size_t unit_of(std::size_t block) const { return block + 1; }
  bool tied() const { return head_unit_ == embedding_unit_; }
  void use(const Pass& pass, std::size_t unit, std::size_t next) const;
  void begin_gradients(const Pass& pass, std::size_t unit) const;
  void end_gradients(const Pass& pass, std::size_t unit) const;

  Shared prepare(const Pass& pass) const;
  const Tensor& cos_sin_of(const Shared& shared, std::size_t block) const { return shared.cos_sin[rope_of_[block]]; }
  void take_rows_of_ids(const Pass& pass, const Tensor& rows) const;
  void embed(const Pass& pass, const Tensor& stream) const;
  void embed_backward(const Pass& pass, const Tensor& d) const;
  // block: of this stage's; stream: what the block before left, none for the first.
  BlockLayer::Saved forward_block(const Pass& pass, const Shared& shared, std::size_t block, const Tensor& stream,
                                  Keep keep, const Ledger* ledger) const;
  // d [own tokens, hidden]: in, the gradient of what the blocks made; out, that of what the embedding, or the stage
  // before, gave.
  void backward_blocks(const Pass& pass, Flight& flight) const;
  // What the stage begins with: embeddings, or what the stage before made.
  void begin_stream(const Pass& pass, const Tensor& stream) const;
  // Forward only: the result, normed, [own tokens, hidden]; none but on the last stage.
  Tensor forward(const Pass& pass) const;

  std::vector<BlockLayer> blocks_;
  std::vector<RopeTable> ropes_;       // the distinct ones
  std::vector<Tensor> frequencies_;    // of ropes_, where the kernels reach them
  std::vector<std::size_t> rope_of_;   // by block
  std::size_t first_layer_;            // of the model, which is this stage's first block
  std::size_t embedding_unit_ = 0, head_unit_;
  HeadLayer head_;
  const Parameter *embedding_ = nullptr, *final_norm_ = nullptr;
};

struct Network::Flight {
  Shared shared;
  Tensor d;     // [own tokens, hidden]
  Tensor made;  // [own tokens, hidden], for the next stage; of the last what the final norm saw
  Tensor final_rstd;
  std::vector<BlockLayer::Saved> saved;
  std::vector<std::size_t> marks;  // of the arena before each block
  std::size_t n_recomputed = 0;
  comm::Pending sent, sent_back;  // made and d, on their way to the other stages

  void wait(Stream& stream) {
    sent.wait(stream);
    sent_back.wait(stream);
  }
};

}  // namespace hearth::nn
