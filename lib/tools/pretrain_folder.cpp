// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/pretrain_folder.h"

#include <unistd.h>
#include <system_error>
#include <vector>

#include "lib/base/digest.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/store/checkpoint_model.h"
#include "lib/text/tokenizer/tokenizer.h"

namespace hearth::tools {
namespace {

// In the order they are compared: the first difference is what the message names.
constexpr const char* binding[] = {"depth",
                                   "moe",
                                   "hours",
                                   "context",
                                   "moe-experts",
                                   "moe-k",
                                   "moe-ffn",
                                   "moe-shared",
                                   "steps",
                                   "tokens",
                                   "epochs",
                                   "batch-tokens",
                                   "microbatch-tokens",
                                   "lr",
                                   "optimizer",
                                   "schedule",
                                   "warmup",
                                   "decay",
                                   "final-lr",
                                   "weight-decay",
                                   "beta2",
                                   "clip",
                                   "z-loss",
                                   "moe-gamma",
                                   "moe-balance",
                                   "eval-tokens",
                                   "dtype",
                                   "recompute",
                                   "seed"};

bool holds_a_run(const fs::path& folder) {
  return fs::exists(folder / "metrics.jsonl") || !store::checkpoints_of(folder).empty();
}

bool holds_something_else(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename();
    if (name != ".lock" && name != "tokenizer" && !name.ends_with(".partial")) return true;
  }
  return false;
}

fs::path tokenizer_file(const fs::path& path) {
  return fs::is_directory(path) ? path / "tokenizer.json" : path;
}

}  // namespace

std::optional<fs::path> checkpoint_to_resume(const fs::path& folder, const std::string& resume) {
  if (fs::exists(folder) && !fs::is_directory(folder))
    throw Error(Kind::cannot_create, folder.string() + ": is a file; a run needs a folder");
  const std::vector<store::StepFolder> checkpoints = store::checkpoints_of(folder);
  if (resume == "never" && holds_a_run(folder)) {
    throw Error(
        Kind::cannot_create,
        folder.string() + ": holds a run already: give --resume auto to go on with it, or another folder by -o");
  }
  if (resume == "must" && checkpoints.empty())
    throw Error(Kind::missing, folder.string() + ": no checkpoint to resume from");
  if (!holds_a_run(folder) && holds_something_else(folder)) {
    throw Error(Kind::cannot_create,
                folder.string() + ": is not empty, and what it holds is no run: name another folder by -o");
  }
  if (checkpoints.empty()) return std::nullopt;
  return checkpoints.back().path;
}

void make_run_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw Error(Kind::cannot_create, folder.string() + ": cannot be made: " + error.message());
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    throw Error(Kind::cannot_create, folder.string() + ": cannot be written to");
}

std::optional<fs::path> find_tokenizer(const std::string& option, const data::Corpus& corpus) {
  if (option == "none") return std::nullopt;
  const std::string& wanted = corpus.header().tokenizer_digest;
  if (!option.empty()) {
    const fs::path path = tokenizer_file(option);
    if (fs::is_regular_file(path) && sha256_of_file(path) == wanted) return path;
    if (text::Tokenizer::load(option).digest() == wanted) return option;  // of another kind than tokenizer.json
    throw Error(Kind::config, path.string() + ": is not the tokenizer that " + corpus.sources().front().path +
                                  " was encoded with: give that one, or encode the documents again");
  }
  std::vector<fs::path> candidates;
  for (const data::Corpus::Source& source : corpus.sources()) {
    const Json provenance = source.reader->provenance();
    for (const Json& input : provenance.value("inputs", Json::array())) {
      const fs::path path = input.value("path", "");
      const fs::path beside = fs::path(source.path).parent_path();
      for (const fs::path& at : {path, beside / path, beside / path.filename()}) candidates.push_back(at);
    }
    candidates.push_back(fs::path(source.path).parent_path() / "tokenizer.json");
  }
  std::error_code ignored;
  for (const fs::path& path : candidates) {
    const fs::path file = tokenizer_file(path);
    if (file.extension() == ".json" && fs::is_regular_file(file, ignored) && sha256_of_file(file) == wanted)
      return file;
  }
  throw Error(Kind::missing,
              "the tokenizer of " + corpus.sources().front().path +
                  " is not where it was: name it by --tokenizer FILE (or none, to train without taking it along)");
}

Json binding_options(const Json& config, const data::Corpus& corpus, std::optional<double> max_epochs) {
  Json options = Json::object();
  for (const char* key : binding) options[key] = config.value(key, Json());
  options["data"] = Json::array();
  for (const data::Corpus::Source& source : corpus.sources()) {
    options["data"].push_back({{"digest", source.reader->digest()}, {"weight", source.weight}});
  }
  for (const data::Corpus::Part& part : corpus.parts()) {
    if (!part.only.empty()) options["data"].push_back({{"source", part.name}, {"weight", part.weight}});
  }
  if (max_epochs) options["data"].push_back({{"max_epochs", *max_epochs}});
  return options;
}

void check_same_run(const Json& now, const Json& before) {
  const std::string way_out =
      "; to go on with the run give what it was started with, to start another one from its weights give --model and "
      "another -o";
  const auto shown = [](const Json& value) { return value.is_null() ? std::string("not given") : dump_json(value); };
  for (const auto& [key, value] : now.items()) {
    const Json old = before.value(key, Json());
    if (value == old) continue;
    if (key == "data") {
      throw Error(Kind::config,
                  "the run in this folder was started with other data, or other weights of them (--data)" + way_out);
    }
    throw Error(Kind::config, "the run in this folder was started with another --" + key + " (" + shown(old) +
                                  ", now " + shown(value) + ")" + way_out);
  }
}

}  // namespace hearth::tools
