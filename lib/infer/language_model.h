// SPDX-License-Identifier: Apache-2.0
// A model ready to run: weights in memory, token ids in, logits out. Every call computes the whole sequence; the engine
// with its cache of keys and values comes later and keeps this interface.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "lib/device/device.h"
#include "lib/nn/model.h"
#include "lib/store/model_source.h"

namespace hearth::infer {

class LanguageModel {
 public:
  // Reads the weights. max_tokens bounds the length of a sequence. dtype: what weights and activations are held in.
  LanguageModel(const store::ModelSource& source, Stream& stream, DType dtype, std::int64_t max_tokens);

  std::uint32_t vocab_size() const { return static_cast<std::uint32_t>(model_.config().vocab); }
  std::int64_t max_tokens() const { return model_.settings().max_tokens; }

  // Throws Error{data} for an id outside the vocabulary, Error{config} for none or more than max_tokens of them.
  std::vector<float> logits(std::span<const std::uint32_t> ids);       // [ids.size(), vocab]
  std::vector<float> last_logits(std::span<const std::uint32_t> ids);  // [vocab]: after the last one

 private:
  std::vector<float> logits_of_rows(std::span<const std::uint32_t> ids, const std::vector<std::int64_t>& rows);

  Stream& stream_;
  nn::Model model_;
};

}  // namespace hearth::infer
