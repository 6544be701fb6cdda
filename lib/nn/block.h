// SPDX-License-Identifier: Apache-2.0
// One layer: stream += attention(norm(stream)); stream += feed_forward(norm(stream)). Each addition is done together
// with the norm that follows, so a block receives the stream and what is still to be added to it (delta), and leaves
// the same for the next. Among tensor ranks the stream and its norms are of a run of the tokens each; attention and
// feed-forward take all tokens and give summands.
#pragma once
#include <optional>
#include <string>

#include "lib/nn/attention.h"
#include "lib/nn/feed_forward.h"
#include "lib/nn/moe.h"

namespace hearth::nn {

class BlockLayer {
 public:
  BlockLayer(const Block& block, const ParameterSet* parameters, std::int64_t layer, const Parallel& parallel);

  // stream_in and stream_mid [own tokens, hidden] are what the two norms saw. The rest is made from stream_in alone, so
  // a recomputed block keeps only that.
  struct Saved {
    Tensor stream_in, stream_mid;
    Tensor normed_in, normed_mid;  // [own tokens, hidden]
    Tensor rstd_in, rstd_mid;      // [own tokens] f32
    AttentionLayer::Saved attention;
    GluLayer::Saved dense;
    MoeLayer::Saved moe;
  };
  // Everything but the two streams, which the caller sets.
  void allocate(const Pass& pass, Saved& saved) const;

  // saved.stream_in = stream + delta, and so on; delta [own tokens, hidden] is overwritten by what the next norm must
  // add to saved.stream_mid. Without stream, saved.stream_in is there already (the first block; recomputation). Without
  // finish the last product is left out, as recomputation needs no delta.
  void forward(const Pass& pass, const Tensor& stream, const Tensor& delta, const Tensor& cos_sin, const Saved& saved,
               bool finish) const;
  // d [own tokens, hidden]: gradient of the block's result, overwritten by that of its input.
  void backward(const Pass& pass, const Tensor& cos_sin, const Saved& saved, const Tensor& d) const;

  bool has_moe() const { return moe_.has_value(); }

 private:
  AttentionLayer attention_;
  std::optional<GluLayer> dense_;
  std::optional<MoeLayer> moe_;
  const Parameter *norm_in_ = nullptr, *norm_mid_ = nullptr;
};

// sum = stream + delta, y = norm(sum). sum may be stream, y delta.
void add_norm(const Pass& pass, const Tensor& stream, const Tensor& delta, const Parameter* weight, const Tensor& sum,
              const Tensor& y, const Tensor& rstd);

}  // namespace hearth::nn
