// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/export_write.h"

#include <algorithm>
#include <memory>

#include "formats/checkpoint.h"
#include "lib/base/atomic_folder.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"
#include "lib/device/memory.h"
#include "lib/infer/language_model.h"
#include "lib/store/checkpoint_model.h"
#include "lib/store/converted_source.h"
#include "lib/store/hugging_face.h"
#include "lib/text/tokenizer/tokenizer.h"

namespace hearth::tools::exporting {
namespace {

constexpr const char* parity_file = "parity.json";
// What is written must give the very logits; the two differ at all only where a product's rows are not exact (doctor).
constexpr double self_check_tolerance = 1e-4;
// Files of a tokenizer's folder that users of the model need, passed on as they are.
constexpr const char* tokenizer_files[] = {"tokenizer.json",
                                           "tokenizer_config.json",
                                           "special_tokens_map.json",
                                           "chat_template.jinja",
                                           "added_tokens.json",
                                           "tokenizer.model",
                                           "vocab.json",
                                           "merges.txt",
                                           "generation_config.json"};

// The model to write: its source at the precision asked for, and its tokenizer where it has one that hearth knows.
struct Exported {
  std::unique_ptr<store::ModelSource> original, converted;
  std::optional<text::Tokenizer> tokenizer;
  const store::ModelSource& source() const { return converted ? *converted : *original; }
  const text::Tokenizer* tokenizer_or_none() const { return tokenizer ? &*tokenizer : nullptr; }
};

std::optional<text::Tokenizer> load_tokenizer(const store::ModelSource& source, Log& log) {
  if (source.tokenizer_folder().empty()) return std::nullopt;
  try {
    return text::Tokenizer::load(source.tokenizer_folder());
  } catch (const Error& error) {
    log.warning(std::string(error.what()) + "; its files are passed on as they are");
    return std::nullopt;
  }
}

Exported open_exported(const Options& options, Log& log) {
  Exported exported;
  exported.original = store::open_model(options.model);
  if (options.dtype != "same") {
    exported.converted = store::with_dtype(*exported.original, options.dtype == "bf16" ? DType::bf16 : DType::f32);
  }
  exported.tokenizer = load_tokenizer(*exported.original, log);
  if (exported.original->tokenizer_folder().empty()) {
    log.warning(options.model + ": has no tokenizer; what is written will have none either");
  }
  const auto vocab = static_cast<std::uint64_t>(exported.original->config().vocab);
  if (exported.tokenizer && exported.tokenizer->vocab_size() > vocab) {
    throw Error(Kind::data, options.model + ": its tokenizer has " + std::to_string(exported.tokenizer->vocab_size()) +
                                " tokens, the model only " + std::to_string(vocab) + ": they do not belong together");
  }
  return exported;
}

store::HfTokenIds token_ids(const text::Tokenizer* tokenizer) {
  if (tokenizer == nullptr) return {};
  return {tokenizer->bos(), tokenizer->eos() ? tokenizer->eos() : tokenizer->end_of_text(), tokenizer->pad()};
}

std::uint64_t weight_bytes(const store::ModelSource& source) {
  std::uint64_t bytes = 0;
  for (const store::TensorInfo& tensor : source.tensors()) {
    bytes += static_cast<std::uint64_t>(tensor.shape.n_elements()) * size_of(tensor.dtype);
  }
  return bytes;
}

void require_space(const fs::path& output, std::uint64_t bytes) {
  const fs::path folder = fs::absolute(output).lexically_normal().parent_path();
  std::error_code unknown;
  const fs::space_info space = fs::space(folder, unknown);
  if (unknown || space.available >= bytes) return;
  throw Error(Kind::cannot_create, output.string() + ": needs " + human_bytes(static_cast<double>(bytes)) +
                                       ", but only " + human_bytes(static_cast<double>(space.available)) +
                                       " are free in " + folder.string());
}

void write_tokenizer(const Exported& exported, const fs::path& folder) {
  const fs::path from = exported.original->tokenizer_folder();
  if (from.empty()) return;
  fs::create_directories(folder);
  for (const char* name : tokenizer_files) {
    if (fs::exists(from / name)) write_file(folder / name, read_file(from / name));
  }
  if (exported.tokenizer && !fs::exists(folder / "tokenizer_config.json")) exported.tokenizer->write_folder(folder);
}

infer::LogitsOf logits_of(infer::LanguageModel& model) {
  return [&model](std::span<const std::uint32_t> ids) { return model.logits(ids); };
}

std::int64_t longest(const std::vector<infer::ParityPrompt>& prompts) {
  std::size_t most = 1;
  for (const infer::ParityPrompt& prompt : prompts) most = std::max(most, prompt.ids.size());
  return static_cast<std::int64_t>(most);
}

// The prompts cut to what the model was made for.
infer::Parity parity_of(const Exported& exported, Context& context) {
  const nn::ModelConfig& config = exported.source().config();
  auto prompts = infer::parity_prompts(exported.tokenizer_or_none(), static_cast<std::uint32_t>(config.vocab));
  std::erase_if(prompts, [&](const infer::ParityPrompt& prompt) {
    return prompt.ids.empty() || static_cast<std::int64_t>(prompt.ids.size()) > config.context;
  });
  if (prompts.empty()) {
    prompts = infer::parity_prompts(nullptr, static_cast<std::uint32_t>(config.vocab));
    prompts.front().ids.resize(std::min(prompts.front().ids.size(), static_cast<std::size_t>(config.context)));
  }
  const std::int64_t most = longest(prompts);
  infer::LanguageModel model(exported.source(), context.stream, DType::f32, most);
  return infer::make_parity(std::move(prompts), logits_of(model), model.vocab_size());
}

infer::ParityResult compare(const store::ModelSource& source, const infer::Parity& parity,
                            const text::Tokenizer* tokenizer, Context& context) {
  infer::LanguageModel model(source, context.stream, DType::f32, longest(parity.prompts));
  return infer::compare_parity(parity, logits_of(model), model.vocab_size(), tokenizer);
}

// A hearth run: one checkpoint of step 0, without optimiser, and the tokenizer.
void write_hearth(const store::ModelSource& source, const fs::path& folder, const Json& provenance,
                  const std::function<void(std::uint64_t)>& on_bytes) {
  formats::CheckpointWriter writer(folder / store::step_folder_name(0));
  std::uint64_t bytes = 0;
  for (const store::TensorInfo& info : source.tensors()) {
    const Buffer buffer(static_cast<std::size_t>(info.shape.n_elements()) * size_of(info.dtype));
    const Tensor tensor(buffer.data(), info.dtype, info.shape);
    source.read(info.name, tensor);
    writer.add(info.name, tensor);
    on_bytes(bytes += tensor.bytes());
  }
  writer.add_json("model.json", dump_json(nn::to_json(source.config()), 2) + "\n");
  writer.finish(provenance);
}

Json generation_config(const Json& config) {
  Json json{{"_from_model_config", true}};
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"}) {
    if (!config.at(key).is_null()) json[key] = config.at(key);
  }
  return json;
}

std::string name_of_output(const fs::path& output) {
  const fs::path path = fs::absolute(output).lexically_normal();
  return (path.has_filename() ? path.filename() : path.parent_path().filename()).string();
}

Written plan_of(const Options& options, const Exported& exported, store::HfPlan& plan) {
  const store::ModelSource& source = exported.source();
  Written written;
  written.bytes = weight_bytes(source);
  if (options.to == "hearth") {
    written.family = "hearth";
    written.files = {store::step_folder_name(0).string()};
    return written;
  }
  plan = store::plan_hugging_face(source, options.max_shard_bytes, token_ids(exported.tokenizer_or_none()));
  written.family = plan.model_type;
  for (const store::HfFile& file : plan.files) written.files.push_back(file.name);
  return written;
}

Json provenance_of(const Options& options, const Exported& exported, Context& context) {
  Json json = provenance(context.invocation, {{options.model, exported.original->id()}});
  if (context.invocation.record) json["model"] = exported.original->provenance();
  return json;
}

}  // namespace

Written write_folder(const Options& options, Context& context) {
  AtomicFolder::require_creatable(options.output, options.common.overwrite, parity_file);
  const Exported exported = open_exported(options, context.log);
  store::HfPlan plan;
  Written written = plan_of(options, exported, plan);
  require_space(options.output, written.bytes);
  if (options.common.dry_run) return written;

  AtomicFolder folder(options.output, options.common.overwrite, parity_file);
  if (!folder.lock_problem().empty()) context.log.warning(folder.lock_problem());
  const fs::path& partial = folder.partial_path();
  const Json origin = provenance_of(options, exported, context);
  context.log.progress("computing the parity prompts");
  const infer::Parity parity = with_context(options.model, [&] { return parity_of(exported, context); });
  const auto on_bytes = [&](std::uint64_t bytes) {
    if (stop_requested()) throw Error(Kind::stopped, "stopped by a signal; nothing was written: run it again");
    context.log.progress(human_bytes(static_cast<double>(bytes)) + " of " +
                         human_bytes(static_cast<double>(written.bytes)));
  };
  if (options.to == "hearth") {
    write_hearth(exported.source(), partial, origin, on_bytes);
    write_tokenizer(exported, partial / "tokenizer");
  } else {
    store::write_hugging_face(exported.source(), plan, partial, on_bytes);
    const Json config = parse_json(plan.config, "config.json");
    write_file(partial / "README.md", model_card(name_of_output(options.output), exported.source(), config));
    write_tokenizer(exported, partial);
    if (!fs::exists(partial / "generation_config.json")) {
      write_file(partial / "generation_config.json", dump_json(generation_config(config), 2) + "\n");
    }
  }
  write_file(partial / parity_file, dump_json(infer::parity_json(parity, origin)) + "\n");

  context.log.progress("reading back");
  const infer::ParityResult result =
      compare(*store::open_model(partial), parity, exported.tokenizer_or_none(), context);
  context.log.progress_done();
  written.self_check = result.largest_difference;
  if (!(result.largest_difference <= self_check_tolerance)) {
    throw Error(Kind::internal, "what was written gives other logits than the model (by " +
                                    format_number(result.largest_difference, 3) + ", " + result.where +
                                    "); nothing was kept");
  }
  folder.commit();
  return written;
}

infer::ParityResult verify_folder(const fs::path& folder, Context& context) {
  const std::unique_ptr<store::ModelSource> source = store::open_model(folder);
  const fs::path path = folder / parity_file;
  if (!fs::exists(path)) {
    throw Error(Kind::missing, path.string() + ": No such file; only folders that hearth export wrote can be verified");
  }
  const infer::Parity parity = infer::parity_from_json(read_json(path), path.string());
  const std::optional<text::Tokenizer> tokenizer = load_tokenizer(*source, context.log);
  return with_context(path.string(),
                      [&] { return compare(*source, parity, tokenizer ? &*tokenizer : nullptr, context); });
}

}  // namespace hearth::tools::exporting
