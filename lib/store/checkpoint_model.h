// SPDX-License-Identifier: Apache-2.0
// A hearth run folder or step folder (formats/checkpoint.md) opened as a model.
//
//   runs/base/                the run: metrics.jsonl, report.html, tokenizer/, and
//   runs/base/step-00001000/  one checkpoint: the parameters in f32 under their canonical names, model.json; beside
//                             them what only resuming needs: trainer.json and tensors named "optimizer/..."
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "lib/store/model_source.h"

namespace hearth::store {

// Complete checkpoints of a run folder, by step, ascending. A ".partial" folder is not one.
struct StepFolder {
  std::int64_t step = 0;
  std::filesystem::path path;
};
std::vector<StepFolder> checkpoints_of(const std::filesystem::path& run);

std::filesystem::path step_folder_name(std::int64_t step);  // "step-00001000"

// Whether path is a run folder with a complete checkpoint, or a step folder.
bool is_checkpoint(const std::filesystem::path& path);

// Throws Error{data} when path is neither, or damaged; Error{missing} naming a file that is not there.
std::unique_ptr<ModelSource> open_checkpoint(const std::filesystem::path& path);

}  // namespace hearth::store
