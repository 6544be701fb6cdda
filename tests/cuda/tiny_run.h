// SPDX-License-Identifier: Apache-2.0
// A model, a tokens file and settings small enough to train on the SIMT machine.
#pragma once
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "formats/tokens.h"
#include "lib/base/json_value.h"
#include "lib/base/rng.h"
#include "lib/train/trainer.h"

namespace hearth::test {

namespace fs = std::filesystem;

inline nn::ModelConfig tiny(bool mixture, std::int64_t vocab = 40, std::int64_t heads = 2, std::int64_t kv_heads = 1) {
  nn::ModelConfig config;
  config.vocab = vocab;
  config.hidden = 16;
  config.context = 16;
  nn::Block dense;
  dense.attention = {.heads = heads, .kv_heads = kv_heads, .head_dim = 8};
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
  fs::path path;
  explicit Folder(const std::string& name)
      : path(fs::temp_directory_path() / ("hearth-" + name + "-" + std::to_string(::getpid()))) {
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
};

inline fs::path tokens_file(const fs::path& folder) {
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

inline train::TrainSettings tiny_settings(DType dtype, std::int64_t steps) {
  train::TrainSettings settings;
  settings.dtype = dtype;
  settings.context = 16;
  settings.batch_rows = 3;
  settings.microbatch_rows = 2;
  settings.learning_rate = 0.01;
  settings.schedule = {.kind = optim::Schedule::Kind::wsd, .total_steps = steps, .warmup_steps = 1, .decay_steps = 1};
  settings.eval_tokens = 32;
  return settings;
}

// Of every step, by a rank of the mesh (the first one's are written).
inline std::vector<double> losses_of_run(const comm::Mesh& mesh, const Device& device, ThreadPool& pool,
                                         const data::Corpus& corpus, const fs::path& folder,
                                         const nn::ModelConfig& config, const train::TrainSettings& settings,
                                         const train::RunSettings& how = {}) {
  Log log{"test", LogLevel::error, Log::Progress::off};
  Stream stream(device, pool);
  Context context{.log = log, .pool = pool, .stream = stream, .seed = 1, .invocation = {}, .mesh = &mesh};
  train::RunSettings run = how;
  run.eval_every = run.checkpoint_every = 0;
  fs::create_directories(folder);
  train::RunDescription description;
  description.folder = folder;
  description.ceiling_flops_per_s = 1e9;
  train::Trainer trainer(context, config, settings, run, corpus, std::move(description));
  trainer.start_fresh();
  trainer.run();
  std::vector<double> losses;
  std::ifstream metrics(folder / "metrics.jsonl");
  for (std::string line; std::getline(metrics, line);) {
    const Json event = parse_json(line, "metrics");
    if (event["event"] == "step") losses.push_back(event["loss"].get<double>());
  }
  return losses;
}

}  // namespace hearth::test
