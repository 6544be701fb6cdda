// SPDX-License-Identifier: Apache-2.0
// A Hugging Face folder (config.json and safetensors, in one file or several) opened as a model, and written from one.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/store/hf_config.h"
#include "lib/store/model_source.h"

namespace hearth::store {

bool is_hugging_face(const std::filesystem::path& folder);  // has a config.json

// Throws Error{missing} naming an absent file, Error{data} for a damaged one, a model hearth does not know
// (config_from_hf), or tensors that are not those of the model.
std::unique_ptr<ModelSource> open_hugging_face(const std::filesystem::path& folder);

// What will be written: decided before anything is.
struct HfFile {
  std::string name;                  // "model-00001-of-00003.safetensors"
  std::vector<std::size_t> tensors;  // indices into source.tensors(); a tensor is never cut
  std::uint64_t bytes = 0;
};
struct HfPlan {
  std::string model_type, config;  // "qwen3", and config.json's text
  std::vector<HfFile> files;
  std::uint64_t bytes = 0;  // of all weights
};
// Fills files in order up to max_shard_bytes each (a larger tensor gets a file of its own). Throws Error{config} when
// no family holds the model.
HfPlan plan_hugging_face(const ModelSource& source, std::uint64_t max_shard_bytes, const HfTokenIds& ids);

// Writes config.json, the weights in the dtypes source gives, and the index where there are several files, into an
// existing folder. on_bytes is called with the bytes written so far.
void write_hugging_face(const ModelSource& source, const HfPlan& plan, const std::filesystem::path& folder,
                        const std::function<void(std::uint64_t bytes)>& on_bytes);

}  // namespace hearth::store
