// SPDX-License-Identifier: Apache-2.0
// The step loop on tiny models: it learns, and a run that was interrupted ends with the bits of one that was not.
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "formats/checkpoint.h"
#include "formats/tokens.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/rng.h"
#include "lib/nn/config.h"
#include "lib/store/checkpoint_model.h"
#include "lib/train/trainer.h"
#include "tests/lib/train/scratch.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::train;

namespace {

namespace fs = std::filesystem;

// Text with structure to learn: each id follows from the one before, but for a little noise.
fs::path tokens_file(const fs::path& folder, std::uint64_t seed) {
  const fs::path path = folder / ("tokens-" + std::to_string(seed) + ".h5");
  formats::TokensHeader header;
  header.vocab_size = 40;
  header.end_of_text_id = 39;
  header.tokenizer_digest = "t";
  header.token_bytes.assign(40, 1);
  header.token_bytes[39] = 0;
  formats::TokensWriter writer(path, false, header);
  Rng rng(seed);
  for (int d = 0; d < 60; ++d) {
    std::vector<std::uint32_t> ids;
    std::uint32_t id = static_cast<std::uint32_t>(rng.below(39));
    for (std::uint64_t i = 0, n = 10 + rng.below(120); i < n; ++i) {
      id = rng.below(10) == 0 ? static_cast<std::uint32_t>(rng.below(39)) : (id * 7 + 3) % 39;
      ids.push_back(id);
    }
    ids.push_back(39);
    writer.add(d % 10 == 0 ? formats::Split::validation : formats::Split::train, ids, ids.size() - 1);
  }
  writer.finish(Json::object());
  return path;
}

nn::ModelConfig tiny(bool moe) {
  nn::ModelConfig config;
  config.vocab = 40;
  config.hidden = 32;
  config.context = 32;
  nn::Block dense;
  dense.attention = {.heads = 2, .kv_heads = 1, .head_dim = 16};
  dense.rope.dims = 16;
  dense.feed_forward.ffn = 48;
  config.blocks = {{"dense", dense}};
  config.layers = {0, 0};
  if (moe) {
    nn::Block mixture = dense;
    mixture.feed_forward = {.ffn = 0, .moe = nn::Moe{.experts = 4, .k = 2, .ffn = 16, .shared_ffn = 16, .router = {}}};
    config.blocks.emplace_back("mixture", mixture);
    config.layers = {0, 1};
  }
  return config;
}

TrainSettings tiny_settings(DType dtype) {
  TrainSettings s;
  s.dtype = dtype;
  s.context = 32;
  s.batch_rows = 5;
  s.microbatch_rows = 2;
  s.learning_rate = 0.01;
  s.schedule = {.kind = optim::Schedule::Kind::wsd, .total_steps = 24, .warmup_steps = 3, .decay_steps = 8};
  s.eval_tokens = 300;
  return s;
}

struct Surroundings {
  Log log{"test", LogLevel::error, Log::Progress::off};
  ThreadPool pool;
  Stream stream{pool};
  Context context{log, pool, stream, 1, {}};
  explicit Surroundings(int threads = 2) : pool(threads) {}
};

struct Setup {
  nn::ModelConfig config;
  TrainSettings settings;
  RunSettings run{.eval_every = 6, .checkpoint_every = 6, .keep = 100};
  const data::Corpus& corpus;
};

Trainer make(Surroundings& around, const Setup& setup, const fs::path& folder) {
  fs::create_directories(folder);
  RunDescription description;
  description.folder = folder;
  return Trainer(around.context, setup.config, setup.settings, setup.run, setup.corpus, std::move(description));
}

Outcome train_fresh(const Setup& setup, const fs::path& folder, int threads = 2) {
  Surroundings around(threads);
  Trainer trainer = make(around, setup, folder);
  trainer.start_fresh();
  return trainer.run();
}

Outcome train_on(const Setup& setup, const fs::path& folder, const fs::path& checkpoint) {
  Surroundings around;
  Trainer trainer = make(around, setup, folder);
  trainer.resume(formats::CheckpointReader(checkpoint));
  return trainer.run();
}

std::map<std::string, std::string> bytes_of(const fs::path& checkpoint) {
  const formats::CheckpointReader reader(checkpoint);
  std::map<std::string, std::string> all;
  for (const formats::CheckpointTensor& tensor : reader.tensors()) {
    std::string& bytes = all[tensor.name];
    bytes.resize(static_cast<std::size_t>(tensor.shape.n_elements()) * size_of(tensor.dtype));
    reader.read(tensor.name, Tensor(bytes.data(), tensor.dtype, tensor.shape));
  }
  return all;
}

// Every event but those of a process's start and end, without the clock.
std::vector<std::string> timeless_metrics(const fs::path& run) {
  std::vector<std::string> lines;
  const std::string text = read_file(run / "metrics.jsonl");
  for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    Json event = parse_json(text.substr(begin, end - begin), "metrics");
    if (event["event"] == "start" || event["event"] == "exit") continue;
    event.erase("clock");
    lines.push_back(dump_json(event));
  }
  return lines;
}

Json trainer_of(const fs::path& checkpoint) {
  Json trainer = parse_json(formats::CheckpointReader(checkpoint).json("trainer.json"), "trainer.json");
  trainer.erase("metrics_bytes");  // times have lengths of their own
  return trainer;
}

}  // namespace

TEST_CASE("a checkpoint's copy takes the rows a rank owns, whatever the precision and what is shared out") {
  TrainSettings settings;
  settings.context = 32;
  settings.batch_rows = 8;
  settings.microbatch_rows = 1;
  const auto staging = [&](DType dtype, const comm::MeshShape& shape, nn::Shard shard) {
    settings.dtype = dtype;
    return Trainer::plan(tiny(true), settings, {}, shape, shard, {}).staging;
  };
  for (const comm::MeshShape& shape : {comm::MeshShape{.data = 4}, comm::MeshShape{.data = 4, .expert = 4}}) {
    const std::size_t owned = staging(DType::bf16, shape, nn::Shard::optimizer);
    for (const nn::Shard shard : {nn::Shard::optimizer, nn::Shard::gradients, nn::Shard::parameters})
      CHECK(staging(DType::f32, shape, shard) == owned);
  }
  // All of it on one rank: parameters as they are written, and the state of the optimiser.
  settings.dtype = DType::f32;
  const Trainer::Plan alone = Trainer::plan(tiny(true), settings, {}, {.data = 1}, nn::Shard::optimizer, {});
  std::size_t bytes = alone.optimizer;
  for (const nn::ParameterSpec& spec : nn::parameters_of(tiny(true)))
    bytes += sizeof(float) * static_cast<std::size_t>(spec.shape.n_elements());
  CHECK(alone.staging == bytes);
}

TEST_CASE("a run that was cut anywhere and resumed ends with the bits of an unbroken one") {
  const bool moe = GENERATE(false, true);
  const DType dtype = GENERATE(DType::f32, DType::bf16);
  CAPTURE(moe, name_of(dtype));
  const Scratch scratch;
  const data::Corpus corpus({{tokens_file(scratch.path(), 1), 0.6}, {tokens_file(scratch.path(), 2), 0.4}});
  const Setup setup{.config = tiny(moe), .settings = tiny_settings(dtype), .corpus = corpus};
  const fs::path whole = scratch.path() / "whole", broken = scratch.path() / "broken";
  const Outcome outcome = train_fresh(setup, whole);
  CHECK(outcome.step == 24);
  CHECK(outcome.last->loss < outcome.first->loss - 0.3);

  // The broken run: the checkpoint of step 12, and the log of a process that lived on to step 24 and was killed.
  fs::create_directories(broken);
  fs::copy(whole / "step-00000012", broken / "step-00000012", fs::copy_options::recursive);
  fs::copy(whole / "metrics.jsonl", broken / "metrics.jsonl");
  fs::create_directories(broken / "step-00000018.partial");
  const Outcome resumed = train_on(setup, broken, broken / "step-00000012");
  CHECK(resumed.loss == outcome.loss);
  CHECK_FALSE(fs::exists(broken / "step-00000018.partial"));
  for (const char* step : {"step-00000018", "step-00000024"}) {
    CHECK(bytes_of(broken / step) == bytes_of(whole / step));
    CHECK(trainer_of(broken / step) == trainer_of(whole / step));
  }
  CHECK(timeless_metrics(broken) == timeless_metrics(whole));
  CHECK(fs::file_size(broken / "report.html") > 1000);
}

TEST_CASE("threads and microbatches do not change what is trained on; threads change no bit") {
  const Scratch scratch;
  const data::Corpus corpus({{tokens_file(scratch.path(), 1), {}}});
  Setup setup{.config = tiny(true), .settings = tiny_settings(DType::f32), .corpus = corpus};
  train_fresh(setup, scratch.path() / "two", 2);
  train_fresh(setup, scratch.path() / "one", 1);
  CHECK(timeless_metrics(scratch.path() / "one") == timeless_metrics(scratch.path() / "two"));
  CHECK(bytes_of(scratch.path() / "one" / "step-00000024") == bytes_of(scratch.path() / "two" / "step-00000024"));
  setup.settings.microbatch_rows = 5;
  train_fresh(setup, scratch.path() / "at-once");
  const RunHistory split = read_history(scratch.path() / "two" / "metrics.jsonl"),
                   whole = read_history(scratch.path() / "at-once" / "metrics.jsonl");
  CHECK(whole.steps[0].loss == Approx(split.steps[0].loss).epsilon(1e-5));
  CHECK(whole.steps[10].loss == Approx(split.steps[10].loss).epsilon(1e-3));
}

TEST_CASE("a checkpoint opens as a model with the weights trained") {
  const Scratch scratch;
  const data::Corpus corpus({{tokens_file(scratch.path(), 1), {}}});
  const Setup setup{.config = tiny(true), .settings = tiny_settings(DType::f32), .corpus = corpus};
  const fs::path run = scratch.path() / "run";
  train_fresh(setup, run);
  CHECK(store::is_checkpoint(run));
  const auto source = store::open_checkpoint(run), earlier = store::open_checkpoint(run / "step-00000012");
  CHECK(source->config() == setup.config);
  CHECK(source->id() != earlier->id());
  CHECK(source->id() == store::open_checkpoint(run / "step-00000024")->id());
  const auto bytes = bytes_of(run / "step-00000024");
  for (const store::TensorInfo& info : source->tensors()) {
    std::vector<float> values(static_cast<std::size_t>(info.shape.n_elements()));
    source->read(info.name, Tensor(values.data(), info.shape));
    CHECK(std::memcmp(values.data(), bytes.at(info.name).data(), bytes.at(info.name).size()) == 0);
    std::vector<bf16> narrow(values.size());
    source->read(info.name, Tensor(narrow.data(), info.shape));
    CHECK(static_cast<float>(narrow[0]) == static_cast<float>(bf16(values[0])));
  }
  // Its weights start another run at the loss they had reached.
  Surroundings around;
  Trainer trainer = make(around, setup, scratch.path() / "second");
  trainer.start_from(*source);
  const Outcome second = trainer.run();
  CHECK(second.first->loss == Approx(read_history(run / "metrics.jsonl").evaluations.back().loss).epsilon(1e-6));
}

TEST_CASE("checkpoints are kept as asked: the newest, and those for good") {
  const Scratch scratch;
  const data::Corpus corpus({{tokens_file(scratch.path(), 1), {}}});
  Setup setup{.config = tiny(false), .settings = tiny_settings(DType::f32), .corpus = corpus};
  setup.run = {.eval_every = 0, .checkpoint_every = 2, .keep = 2, .keep_every = 8};
  train_fresh(setup, scratch.path() / "run");
  std::vector<std::int64_t> steps;
  for (const store::StepFolder& folder : store::checkpoints_of(scratch.path() / "run")) steps.push_back(folder.step);
  CHECK(steps == std::vector<std::int64_t>{8, 16, 22, 24});
}

TEST_CASE("training that blows up is not stored over good weights: steps are skipped, then the run ends") {
  const Scratch scratch;
  const data::Corpus corpus({{tokens_file(scratch.path(), 1), {}}});
  Setup setup{.config = tiny(false), .settings = tiny_settings(DType::f32), .corpus = corpus};
  setup.settings.learning_rate = 1e30;
  setup.settings.schedule.total_steps = 100;
  setup.run.checkpoint_every = 1;
  const fs::path run = scratch.path() / "run";
  try {
    train_fresh(setup, run);
    FAIL("a learning rate of 1e30 trained");
  } catch (const Error& error) {
    CHECK(error.kind() == Kind::internal);
    CHECK_THAT(error.what(), Catch::Contains("diverged"));
  }
  const RunHistory history = read_history(run / "metrics.jsonl");
  CHECK(history.steps.back().skipped);
  CHECK(history.notes.back().kind == "exit");
  CHECK_THAT(read_file(run / "report.html"), Catch::Contains("failed: training diverged"));
}

TEST_CASE("after too many outliers in a row the run goes back to its checkpoint and on with other data") {
  const Scratch scratch;
  const data::Corpus corpus({{tokens_file(scratch.path(), 1), {}}});
  Setup setup{.config = tiny(false), .settings = tiny_settings(DType::f32), .corpus = corpus};
  const fs::path whole = scratch.path() / "whole", run = scratch.path() / "run";
  train_fresh(setup, whole);
  // The checkpoint of step 6, but with a detector that has only known losses of 0.1: all that follow are outliers.
  Json trainer = parse_json(formats::CheckpointReader(whole / "step-00000006").json("trainer.json"), "trainer.json");
  trainer["detector"]["accepted"] = 100;
  trainer["detector"]["losses"] = std::vector<double>(100, 0.1);
  trainer["detector"]["log_norms"] = std::vector<double>(100, 0.0);
  fs::create_directories(run);
  {
    const formats::CheckpointReader reader(whole / "step-00000006");
    formats::CheckpointWriter writer(run / "step-00000006");
    const auto bytes = bytes_of(whole / "step-00000006");
    for (const formats::CheckpointTensor& tensor : reader.tensors()) {
      writer.add(tensor.name, Tensor(const_cast<char*>(bytes.at(tensor.name).data()), tensor.dtype, tensor.shape));
    }
    writer.add_json("model.json", reader.json("model.json"));
    writer.add_json("trainer.json", dump_json(trainer));
    writer.finish(Json::object());
  }
  const Outcome outcome = train_on(setup, run, run / "step-00000006");
  CHECK(outcome.n_skipped == 10);
  CHECK(outcome.step == 24);
  const RunHistory history = read_history(run / "metrics.jsonl");
  CHECK(history.steps.size() == 18);  // the skipped ones were gone over again
  CHECK(history.steps.back().step == 24);
  CHECK_THAT(history.notes.at(0).message, Catch::Contains("back from step 16 to the checkpoint of step 6"));
  CHECK(bytes_of(run / "step-00000024") != bytes_of(whole / "step-00000024"));  // other data
}

TEST_CASE("the fast kernels are held against the reference while training") {
  const Scratch scratch;
  const data::Corpus corpus({{tokens_file(scratch.path(), 1), {}}});
  Setup setup{.config = tiny(true), .settings = tiny_settings(DType::f32), .corpus = corpus};
  setup.run.check_kernels = true;
  CHECK(train_fresh(setup, scratch.path() / "run").step == 24);
}
