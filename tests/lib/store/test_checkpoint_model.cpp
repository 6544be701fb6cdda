// SPDX-License-Identifier: Apache-2.0
// Run and step folders as models: which checkpoint is taken, and what is refused.
#include <filesystem>
#include <string>
#include <vector>

#include "formats/checkpoint.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/nn/config.h"
#include "lib/nn/depth.h"
#include "lib/nn/parameters.h"
#include "lib/store/checkpoint_model.h"
#include "tests/lib/train/scratch.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::store;

namespace {

namespace fs = std::filesystem;

// A checkpoint of a one-layer model whose tensors are all `value`, without the one named `absent`.
void write(const fs::path& folder, float value, const std::string& absent = "") {
  const nn::ModelConfig config = nn::config_from_depth(1, false, 40, 32);
  formats::CheckpointWriter writer(folder);
  for (const nn::ParameterSpec& spec : nn::parameters_of(config)) {
    std::vector<float> values(static_cast<std::size_t>(spec.shape.n_elements()), value);
    if (spec.name != absent) writer.add(spec.name, Tensor(values.data(), spec.shape));
  }
  const std::vector<float> momentum(4, 1.0f);
  writer.add("optimizer/embedding.m", Tensor(momentum.data(), {4}));
  writer.add_json("model.json", dump_json(nn::to_json(config)));
  writer.finish(Json{{"producer", "test"}});
}

float first_value(const ModelSource& source) {
  const TensorInfo& info = source.tensors().front();
  std::vector<float> values(static_cast<std::size_t>(info.shape.n_elements()));
  source.read(info.name, Tensor(values.data(), info.shape));
  return values[0];
}

}  // namespace

TEST_CASE("a run folder gives its newest complete checkpoint") {
  const Scratch scratch;
  const fs::path run = scratch.path() / "run";
  fs::create_directories(run / "step-00000030.partial");
  fs::create_directories(run / "step-abc");
  CHECK_FALSE(is_checkpoint(run));
  CHECK_THROWS_WITH(open_checkpoint(run), Catch::Contains("no checkpoint here"));
  write(run / step_folder_name(9), 1);
  write(run / step_folder_name(20), 2);
  write(run / step_folder_name(123456789), 3);
  std::vector<std::int64_t> steps;
  for (const StepFolder& folder : checkpoints_of(run)) steps.push_back(folder.step);
  CHECK(steps == std::vector<std::int64_t>{9, 20, 123456789});
  CHECK(first_value(*open_checkpoint(run)) == 3);
  CHECK(first_value(*open_checkpoint(run / "step-00000009")) == 1);
  CHECK(open_checkpoint(run)->provenance()["producer"] == "test");
}

TEST_CASE("a model holds its parameters and nothing of the optimiser") {
  const Scratch scratch;
  write(scratch.path() / "a", 1);
  write(scratch.path() / "b", 1);
  write(scratch.path() / "c", 2);
  const auto a = open_checkpoint(scratch.path() / "a");
  const auto specs = nn::parameters_of(a->config());
  REQUIRE(a->tensors().size() == specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i) CHECK(a->tensors()[i].name == specs[i].name);
  CHECK(a->id() == open_checkpoint(scratch.path() / "b")->id());
  CHECK(a->id() != open_checkpoint(scratch.path() / "c")->id());
}

TEST_CASE("a tokenizer is found in the checkpoint or in its run") {
  const Scratch scratch;
  const fs::path run = scratch.path() / "run", step = run / step_folder_name(5);
  fs::create_directories(run);
  write(step, 1);
  CHECK(open_checkpoint(run)->tokenizer_folder().empty());
  fs::create_directories(run / "tokenizer");
  write_file(run / "tokenizer" / "tokenizer.json", "{}");
  CHECK(fs::equivalent(open_checkpoint(run)->tokenizer_folder(), run / "tokenizer"));
  CHECK(fs::equivalent(open_checkpoint(step.string() + "/")->tokenizer_folder(), run / "tokenizer"));
}

TEST_CASE("a checkpoint that lacks a tensor is refused by its name") {
  const Scratch scratch;
  write(scratch.path() / "a", 1, "final_norm");
  CHECK_THROWS_WITH(open_checkpoint(scratch.path() / "a"), Catch::Contains("tensor 'final_norm' is missing"));
}
