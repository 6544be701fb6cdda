// SPDX-License-Identifier: Apache-2.0
// hearth export for models that a command line cannot make yet; the rest is in test_export.sh.
#include "lib/tools/export.h"

#include <cmath>

#include "formats/checkpoint.h"
#include "lib/base/json_value.h"
#include "lib/nn/depth.h"
#include "lib/nn/parameters.h"
#include "lib/store/checkpoint_model.h"
#include "lib/tools/export_write.h"
#include "tests/formats/support.h"

using namespace hearth;
using namespace hearth::tools;

namespace {

// A run with one checkpoint of random weights.
void write_run(const nn::ModelConfig& config, const fs::path& run, Stream& stream) {
  nn::ParameterSet parameters(config, DType::f32, nn::Purpose::run);
  parameters.initialise(stream, 5);
  fs::create_directory(run);
  formats::CheckpointWriter writer(run / store::step_folder_name(7));
  for (const nn::Parameter& parameter : parameters.all()) writer.add(parameter.spec.name, parameter.weight);
  writer.add_json("model.json", dump_json(nn::to_json(config)));
  writer.finish(Json::object());
}

struct Bench {
  TemporaryFolder folder;
  Log log{"export", LogLevel::error, Log::Progress::off};
  ThreadPool pool{2};
  Stream stream{pool};
  Context context{log, pool, stream, 1, {}, false, true};

  exporting::Options options() const {
    exporting::Options options;
    options.model = folder / "run";
    options.to = "hf";
    options.output = folder / "dist";
    return options;
  }
};

}  // namespace

TEST_CASE("what pretrain's depth dial makes is exported, dense and as a mixture") {
  for (const bool moe : {false, true}) {
    Bench bench;
    write_run(nn::config_from_depth(2, moe, 300, 64), bench.folder / "run", bench.stream);
    const exporting::Written written = exporting::write_folder(bench.options(), bench.context);
    CHECK(written.family == (moe ? "dots1" : "qwen3"));
    CHECK(written.self_check == 0);
    CHECK(exporting::verify_folder(bench.folder / "dist", bench.context).largest_difference == 0);
  }
}

TEST_CASE("a shape that no family holds is refused before anything is written") {
  Bench bench;
  nn::ModelConfig config = nn::config_from_depth(2, true, 300, 64);
  for (auto& [name, block] : config.blocks) {
    if (block.feed_forward.moe) block.feed_forward.moe->router = {nn::Router::Score::softmax, false, 1, 1, true, 1};
  }
  write_run(config, bench.folder / "run", bench.stream);
  const std::string message =
      message_of(Kind::config, [&] { exporting::write_folder(bench.options(), bench.context); });
  CHECK(message ==
        "no Hugging Face family holds this model: qwen3_moe has no shared expert: set shared_ffn to 0 (what pretrain "
        "--depth makes always fits one)");
  CHECK(!fs::exists(bench.folder / "dist"));
  CHECK(!fs::exists(bench.folder / "dist.partial"));
}

TEST_CASE("a model whose logits are not finite is not exported") {
  Bench bench;
  const nn::ModelConfig config = nn::config_from_depth(1, false, 300, 64);
  write_run(config, bench.folder / "run", bench.stream);
  nn::ParameterSet parameters(config, DType::f32, nn::Purpose::run);
  parameters.initialise(bench.stream, 5);
  parameters.get("final_norm").weight.as<float>()[3] = std::nanf("");
  formats::CheckpointWriter writer(bench.folder / "run/step-00000009");
  for (const nn::Parameter& parameter : parameters.all()) writer.add(parameter.spec.name, parameter.weight);
  writer.add_json("model.json", dump_json(nn::to_json(config)));
  writer.finish(Json::object());
  const std::string message = message_of(Kind::data, [&] { exporting::write_folder(bench.options(), bench.context); });
  CHECK(message.find("run: the model's logits are not finite (prompt 1, position 0") != std::string::npos);
  CHECK(!fs::exists(bench.folder / "dist.partial"));
}
