// SPDX-License-Identifier: Apache-2.0
// A trained model as named tensors, wherever it lies: a hearth run or step folder, a Hugging Face folder, later GGUF.
// Each kind of folder is an adapter behind ModelSource; every `--model` option of every tool goes through open_model.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/dtype.h"
#include "lib/base/json.h"
#include "lib/base/tensor.h"

namespace hearth::nn {
struct ModelConfig;
}

namespace hearth::store {

// One tensor in hearth's canonical layout, as nn::parameters_of(config) names and shapes it.
struct TensorInfo {
  std::string name;
  DType dtype = DType::f32;  // as stored: f32 or bf16
  Shape shape;
};

class ModelSource {
 public:
  virtual ~ModelSource() = default;

  virtual const nn::ModelConfig& config() const = 0;

  // Everything nn::parameters_of(config()) lists, in its order, and nothing else: an adapter checks this when it opens
  // (Error{data} names the first tensor that is missing, superfluous or of another shape).
  virtual const std::vector<TensorInfo>& tensors() const = 0;

  // Reads tensor `name` whole into out, which has its shape and is f32 or bf16 (converted, rounding to nearest even).
  // Thread-safe. Throws Error{data} naming folder and tensor when a checksum does not match, Error{io} when it cannot
  // be read.
  virtual void read(const std::string& name, Tensor out) const = 0;

  // The folder that holds tokenizer.json and its side files; empty when the model came without one.
  virtual std::filesystem::path tokenizer_folder() const = 0;

  // Identifies the weights: equal for equal tensors. Recorded as the parent's id in what is made from them.
  virtual std::string id() const = 0;

  // What the folder says of its own origin ({} when nothing).
  virtual Json provenance() const = 0;
};

// Opens a hearth run folder (its newest complete checkpoint), a step folder, or a Hugging Face folder, by what lies in
// it. Throws Error{missing} when path does not exist, Error{data} when it is none of these, saying what was looked for.
std::unique_ptr<ModelSource> open_model(const std::filesystem::path& path);

}  // namespace hearth::store
