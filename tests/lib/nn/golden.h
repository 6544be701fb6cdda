// SPDX-License-Identifier: Apache-2.0
// Reads the golden files of tests/golden/make/nn_models.py, and a few helpers to run a model on them. The safetensors
// reader is the test's own, so that these tests trust nothing but kernels/ and lib/base.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "lib/device/device.h"
#include "lib/nn/model.h"

namespace hearth::nn {

struct Golden {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;
  std::string bytes;

  explicit Golden(const std::string& name);  // of tests/golden/nn, without .safetensors
  Tensor get(const std::string& name) const;
  ModelConfig config() const;
  Batch batch() const;
};

// A batch whose memory it owns.
struct OwnedBatch {
  std::vector<std::int32_t> ids, positions, cu_seqlens, targets;
  std::vector<float> weights;
  Batch view() const;
};

// Random documents of the given lengths; the last token of each has no target.
OwnedBatch random_batch(const std::vector<std::int64_t>& lengths, std::int64_t vocab, std::uint64_t seed);
// Only documents [begin, end) of a batch.
OwnedBatch documents(const OwnedBatch& batch, std::size_t begin, std::size_t end);

// A tiny model with every option of the block at once: window and full, dense and mixtures with shared expert.
ModelConfig varied_config();
// Random values everywhere (norms around 1, selection biases too), so that no gradient is zero.
void randomise(Model& model, Stream& stream, std::uint64_t seed);
void load(Model& model, Stream& stream, const Golden& golden);

// max |a - b| / max(1e-6, max |b|) over all elements.
double relative_error(const Tensor& a, const Tensor& b);
std::vector<float> values_of(const Tensor& tensor);      // of f32 or bf16
std::vector<float> all_gradients(const Model& model);
std::vector<float> all_logits(Model& model, Stream& stream, const Batch& batch);

}  // namespace hearth::nn
