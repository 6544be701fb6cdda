// SPDX-License-Identifier: Apache-2.0
// Training steps that nothing waits in: what the SIMT machine counts of waits and allocations, and that recorded passes
// give the bits of launched ones.
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "formats/checkpoint.h"
#include "formats/tokens.h"
#include "lib/base/json_value.h"
#include "lib/base/rng.h"
#include "lib/store/checkpoint_model.h"
#include "lib/train/trainer.h"
#include "tests/cuda/support.h"
#include "tests/support/catch.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;

nn::ModelConfig tiny(bool mixture) {
  nn::ModelConfig config;
  config.vocab = 40;
  config.hidden = 16;
  config.context = 16;
  nn::Block dense;
  dense.attention = {.heads = 2, .kv_heads = 1, .head_dim = 8};
  dense.rope.dims = 8;
  dense.feed_forward.ffn = 24;
  config.blocks = {{"dense", dense}};
  config.layers = {0};
  if (mixture) {
    nn::Block moe = dense;
    moe.feed_forward = {.ffn = 0, .moe = nn::Moe{.experts = 4, .k = 2, .ffn = 8, .shared_ffn = 8, .router = {}}};
    config.blocks.emplace_back("mixture", moe);
    config.layers = {0, 1};
  }
  return config;
}

struct Folder {
  fs::path path = fs::temp_directory_path() / ("hearth-step-" + std::to_string(::getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
};

fs::path tokens_file(const fs::path& folder) {
  const fs::path path = folder / "tokens.h5";
  formats::TokensHeader header;
  header.vocab_size = 40;
  header.end_of_text_id = 39;
  header.tokenizer_digest = "t";
  header.token_bytes.assign(40, 1);
  formats::TokensWriter writer(path, false, header);
  Rng rng(1);
  for (int d = 0; d < 40; ++d) {
    std::vector<std::uint32_t> ids;
    for (std::uint64_t i = 0, n = 3 + rng.below(40); i < n; ++i)
      ids.push_back(static_cast<std::uint32_t>(rng.below(39)));
    ids.push_back(39);
    writer.add(d % 10 == 0 ? formats::Split::validation : formats::Split::train, ids, ids.size() - 1);
  }
  writer.finish(Json::object());
  return path;
}

struct Ran {
  test::Waits waits;
  std::vector<std::string> weights;  // bytes of every tensor of the last checkpoint
};

Ran train(const Device& device, const data::Corpus& corpus, const fs::path& folder, bool mixture, std::int64_t steps,
          bool graphs) {
  Log log{"test", LogLevel::error, Log::Progress::off};
  ThreadPool pool(1);
  Stream stream(device, pool);
  Context context{log, pool, stream, 1, {}};
  TrainSettings settings;
  settings.dtype = DType::bf16;
  settings.context = 16;
  settings.batch_rows = 3;
  settings.microbatch_rows = 2;
  settings.learning_rate = 0.01;
  settings.schedule = {.kind = optim::Schedule::Kind::wsd, .total_steps = steps, .warmup_steps = 1, .decay_steps = 1};
  settings.eval_tokens = 32;
  RunSettings run;
  run.eval_every = run.checkpoint_every = 0;
  run.graphs = graphs;
  fs::remove_all(folder);
  fs::create_directories(folder);
  RunDescription description;
  description.folder = folder;
  description.ceiling_flops_per_s = 1e9;  // measuring waits as often as it finds time for
  const test::Waits before = test::Waits::so_far();
  {
    Trainer trainer(context, tiny(mixture), settings, run, corpus, std::move(description));
    trainer.start_fresh();
    CHECK(trainer.run().step == steps);
    CHECK((trainer.model().n_graphs() > 0) == graphs);
  }
  Ran ran{test::Waits::so_far() - before, {}};
  const formats::CheckpointReader reader(folder / store::step_folder_name(steps));
  for (const formats::CheckpointTensor& tensor : reader.tensors()) {
    std::string bytes(static_cast<std::size_t>(tensor.shape.n_elements()) * size_of(tensor.dtype), 0);
    reader.read(tensor.name, Tensor(bytes.data(), tensor.dtype, tensor.shape));
    ran.weights.push_back(bytes);
  }
  return ran;
}

// Steps 4 to 6 beside the first three, launched and recorded: no waits, no allocations, the same bits.
void check_steps(bool mixture) {
  const Folder folder;
  const Device device = test::gpu();
  const data::Corpus corpus({{tokens_file(folder.path).string(), {}}}, {});
  std::vector<Ran> longer;
  for (const bool graphs : {false, true}) {
    INFO((graphs ? "recorded" : "launched"));
    const Ran few = train(device, corpus, folder.path / "few", mixture, 3, graphs);
    longer.push_back(train(device, corpus, folder.path / "many", mixture, 6, graphs));
#ifdef HEARTH_SIMT
    // A step more costs one wait: for the step before, when this one lies in the stream. And no memory.
    const test::Waits more = longer.back().waits - few.waits;
    CHECK(more.streams == 0);
    CHECK(more.events == 3);
    CHECK(more.copies == 0);
    CHECK(more.allocations == 0);
#endif
  }
  CHECK(longer[0].weights == longer[1].weights);
}

TEST_CASE("nothing waits inside a step of a dense model") {
  check_steps(false);
}

TEST_CASE("nothing waits inside a step of a mixture") {
  check_steps(true);
}

}  // namespace
}  // namespace hearth::train
