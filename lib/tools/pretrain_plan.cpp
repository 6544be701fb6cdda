// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/pretrain_plan.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <optional>

#include "lib/base/digest.h"
#include "lib/base/json_value.h"
#include "lib/base/machine.h"
#include "lib/base/text.h"
#include "lib/comm/mesh.h"
#include "lib/nn/depth.h"
#include "lib/nn/family.h"
#include "lib/nn/parameters.h"
#include "lib/train/ceiling.h"

namespace hearth::tools {
namespace {

constexpr std::int64_t default_context = 512;
constexpr std::int64_t most_microbatch_tokens = 8192;  // more does not make a CPU's products faster
constexpr double usable_memory = 0.9, expected_utilisation = 0.5;
// That NCCL takes for each other rank of a group on the node: an estimate, half a gigabyte for eight ranks. The first
// all-to-all of 8 H100 took 1.06 to 4.34 GB in all (NVIDIA/nccl issue 1685).
constexpr double nccl_bytes_a_peer = 70e6;

DType dtype_of_option(const std::string& name) {
  return name == "bf16" ? DType::bf16 : DType::f32;
}

std::int64_t corpus_tokens(const data::Corpus& corpus) {
  return static_cast<std::int64_t>(corpus.n_tokens(formats::Split::train));
}

void check_model_options(const PretrainOptions& o) {
  if (o.depth.empty() == o.model.empty()) {
    throw Error(Kind::usage, o.depth.empty() ? "say what to train: --depth N for a new model, or --model PATH"
                                             : "--depth and --model exclude each other");
  }
  const bool knobs = o.moe_experts || o.moe_k || o.moe_ffn || o.moe_shared;
  if (o.moe && o.depth.empty()) throw Error(Kind::usage, "--moe goes with --depth; a --model says itself what it is");
  if (knobs && !o.moe)
    throw Error(Kind::usage, "--moe-experts, --moe-k, --moe-ffn and --moe-shared go with --depth and --moe");
  if (o.hours && o.depth != "auto")
    throw Error(Kind::usage, "--hours goes with --depth auto; to end a run after some time use --max-hours");
  if (o.depth == "auto" && !o.hours)
    throw Error(Kind::usage, "--depth auto needs --hours H: the time there is to train");
  if ((o.steps ? 1 : 0) + (o.tokens > 0 ? 1 : 0) + (o.epochs ? 1 : 0) > 1)
    throw Error(Kind::usage, "give one of --steps, --tokens and --epochs");
}

void apply_moe_knobs(const PretrainOptions& o, nn::ModelConfig& config) {
  for (auto& [name, block] : config.blocks) {
    if (!block.feed_forward.moe) continue;
    nn::Moe& moe = *block.feed_forward.moe;
    if (o.moe_experts) moe.experts = *o.moe_experts;
    if (o.moe_k) moe.k = *o.moe_k;
    if (o.moe_ffn) moe.ffn = *o.moe_ffn;
    if (o.moe_shared) moe.shared_ffn = *o.moe_shared;
  }
  nn::check_config(config);
}

nn::ModelConfig config_of_depth(const PretrainOptions& o, int depth, const data::Corpus& corpus) {
  nn::ModelConfig config =
      nn::config_from_depth(depth, o.moe, corpus.header().vocab_size, o.context.value_or(default_context));
  apply_moe_knobs(o, config);
  return config;
}

void check_fits_data(const nn::ModelConfig& config, const PretrainOptions& o, const data::Corpus& corpus) {
  const std::int64_t vocab = corpus.header().vocab_size;
  if (config.vocab < vocab) {
    throw Error(Kind::config, "the model has " + std::to_string(config.vocab) + " tokens, the data's tokenizer " +
                                  std::to_string(vocab) +
                                  ": give data encoded with the model's tokenizer, or a model of that vocabulary");
  }
  if (o.context.value_or(1) > config.context) {
    throw Error(Kind::config, "--context " + std::to_string(*o.context) + " is beyond the " +
                                  std::to_string(config.context) + " tokens the model is meant for");
  }
}

bool is_model_json(const std::string& path) {
  return std::filesystem::is_regular_file(path);
}

// The tokenizer a model came with must be the one of the data: ids mean something else otherwise.
void check_tokenizer(const store::ModelSource& source, const PretrainOptions& o, const data::Corpus& corpus) {
  const std::filesystem::path folder = source.tokenizer_folder();
  if (folder.empty() || sha256_of_file(folder / "tokenizer.json") == corpus.header().tokenizer_digest) return;
  throw Error(Kind::config,
              o.model + ": has another tokenizer than the data: encode them with `hearth tokenize encode --tokenizer " +
                  folder.string() + "`");
}

std::int64_t share_or_steps(double value, std::int64_t total) {
  return value < 1 ? static_cast<std::int64_t>(std::llround(value * static_cast<double>(total)))
                   : static_cast<std::int64_t>(value);
}

void set_batch(const PretrainOptions& o, const nn::Recipe& recipe, train::TrainSettings& s) {
  const auto tokens =
      static_cast<std::int64_t>(o.batch_tokens > 0 ? o.batch_tokens : static_cast<std::uint64_t>(recipe.batch_tokens));
  s.batch_rows = std::max<std::int64_t>(1, tokens / s.context);
  if (o.batch_tokens > 0 && s.batch_tokens() != tokens) {
    throw Error(Kind::config, "--batch-tokens " + std::to_string(tokens) + " is not a multiple of the context of " +
                                  std::to_string(s.context) + ": give " + std::to_string(s.batch_tokens()) + " or " +
                                  std::to_string(s.batch_tokens() + s.context));
  }
}

void set_length(const PretrainOptions& o, std::int64_t token_budget, const data::Corpus& corpus, PretrainPlan& plan) {
  train::TrainSettings& s = plan.settings;
  const auto corpus_size = static_cast<double>(corpus_tokens(corpus));
  double tokens = static_cast<double>(token_budget);
  if (o.tokens > 0) tokens = static_cast<double>(o.tokens);
  if (o.epochs) tokens = *o.epochs * corpus_size;
  const bool chosen = o.steps || o.tokens > 0 || o.epochs;
  if (!chosen && tokens > nn::most_epochs * corpus_size) {
    tokens = nn::most_epochs * corpus_size;
    plan.warnings.push_back("the data hold " + human_count(corpus_size) + " tokens where a model of this size wants " +
                            human_count(static_cast<double>(token_budget)) + ": training " +
                            format_number(nn::most_epochs, 2) +
                            " epochs; more text or a smaller model would serve better");
  }
  const double batch = static_cast<double>(s.batch_tokens());
  s.schedule.total_steps =
      o.steps ? *o.steps : std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(tokens / batch)));
  plan.epochs = static_cast<double>(plan.total_tokens()) / corpus_size;
  if (chosen && plan.epochs > nn::most_epochs) {
    plan.warnings.push_back("the data will be seen " + format_number(plan.epochs, 2) + " times; beyond " +
                            format_number(nn::most_epochs, 2) + " repetition gains little");
  }
}

void set_schedule(const PretrainOptions& o, optim::Schedule& schedule) {
  const bool wsd = o.schedule == "wsd";
  schedule.kind = wsd ? optim::Schedule::Kind::wsd : optim::Schedule::Kind::cosine;
  schedule.warmup_steps = share_or_steps(o.warmup, schedule.total_steps);
  schedule.decay_steps = wsd ? share_or_steps(o.decay, schedule.total_steps) : 0;
  schedule.final_factor = o.final_lr.value_or(wsd ? 0 : 0.1);
  if (schedule.warmup_steps + schedule.decay_steps > schedule.total_steps) {
    throw Error(Kind::config, "--warmup and --decay together take " +
                                  std::to_string(schedule.warmup_steps + schedule.decay_steps) +
                                  " steps, the run has " + std::to_string(schedule.total_steps));
  }
}

// What NCCL will have taken of a GPU's memory once all groups of the mesh have met: it connects a group's ranks, and
// takes buffers for each other rank, at the first call. Scratch memory of ours for it is taken before the plan is made.
double nccl_bytes(const comm::Mesh& mesh) {
  const comm::Communicator* const groups[] = {&mesh.world(),    &mesh.data(),           &mesh.pipeline(),
                                              &mesh.context(),  &mesh.tensor(),         &mesh.expert(),
                                              &mesh.replicas(), &mesh.expert_replicas()};
  double bytes = 0;
  for (const comm::Communicator* group : groups)
    bytes += nccl_bytes_a_peer * (std::min(group->size(), mesh.local_size()) - 1);
  return bytes;
}

// As many rows as memory allows, in powers of two; the smallest plan must fit.
void set_microbatch(const PretrainOptions& o, const Context& context, PretrainPlan& plan) {
  const Device& device = context.stream.device();
  const comm::MeshShape& shape = context.mesh->shape();
  const int n_ranks = shape.data;
  train::TrainSettings& s = plan.settings;
  const int sharers = device.is_host() ? context.mesh->local_size() : 1;
  const double for_groups = device.is_host() ? 0 : nccl_bytes(*context.mesh);
  const double memory = usable_memory * static_cast<double>(device.api().free_bytes()) / sharers - for_groups;
  const auto fits = [&](std::int64_t rows) {
    s.microbatch_rows = rows;
    plan.memory =
        train::Trainer::plan(plan.config, s, device, shape, plan.run.shard, context.stream.gpu_kernels());
    return static_cast<double>(plan.memory.total()) <= memory;
  };
  if (o.microbatch_tokens > 0) {
    const auto tokens = static_cast<std::int64_t>(o.microbatch_tokens);
    if (tokens < s.context || tokens % s.context != 0) {
      throw Error(Kind::config, "--microbatch-tokens " + std::to_string(tokens) +
                                    " is not a multiple of the context of " + std::to_string(s.context));
    }
  }
  if (s.batch_rows < n_ranks) {
    throw Error(Kind::config, "a step of " + std::to_string(s.batch_rows) + " rows of " + std::to_string(s.context) +
                                  " tokens leaves some of " + std::to_string(n_ranks) +
                                  " ranks without work: raise --batch-tokens, or start fewer");
  }
  const std::int64_t own_rows = comm::piece_of(s.batch_rows, 0, n_ranks).count;
  const std::int64_t most = std::clamp<std::int64_t>(most_microbatch_tokens / s.context, 1, own_rows);
  std::int64_t rows =
      o.microbatch_tokens > 0
          ? std::min<std::int64_t>(own_rows, static_cast<std::int64_t>(o.microbatch_tokens) / s.context)
          : most;
  while (!fits(rows)) {
    if (rows == 1 || o.microbatch_tokens > 0) {
      throw Error(Kind::config,
                  "this needs " + human_bytes(static_cast<double>(plan.memory.total())) + " (" +
                      join_facts(memory_facts(plan)) + "), " + device.api().name() + " has " +
                      human_bytes(static_cast<double>(device.api().free_bytes())) +
                      (for_groups > 0 ? ", of which NCCL may take " + human_bytes(for_groups) : "") +
                      ": take a smaller --depth, --context or --microbatch-tokens, or give --recompute a budget");
    }
    rows /= 2;
  }
}

train::RunSettings run_settings(const PretrainOptions& o) {
  return {.eval_every = o.eval_every,
          .checkpoint_every = o.checkpoint_every,
          .keep = o.keep,
          .keep_every = o.keep_every,
          .compare_every = o.compare_every,
          .max_hours = o.max_hours,
          .stop_at = o.stop_at,
          .graphs = o.cuda_graphs == "on",
          .shard = nn::shard_from_name(o.shard),
          .check_kernels = o.check_kernels};
}

void set_expectation(PretrainPlan& plan, Context& context) {
  if (plan.flops_per_s == 0) plan.flops_per_s = train::matrix_rate(context.stream, plan.settings.dtype);
  plan.expected_s = static_cast<double>(plan.total_tokens()) *
                    nn::train_flops_per_token(plan.config, plan.settings.context) /
                    (expected_utilisation * plan.flops_per_s);
}

}  // namespace

int depth_number(const std::string& text) {
  int depth = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), depth);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    throw Error(Kind::usage, "--depth expects a number of layers or auto, got '" + text + "'");
  }
  return depth;
}

std::string join_facts(const Facts& facts) {
  std::string text;
  for (const auto& [label, value] : facts) text += (text.empty() ? "" : ", ") + label + " " + value;
  return text;
}

std::optional<nn::ModelConfig> config_asked_for(const PretrainOptions& o, const data::Corpus& corpus) {
  check_model_options(o);
  if (o.depth == "auto") return std::nullopt;
  if (!o.depth.empty()) return config_of_depth(o, depth_number(o.depth), corpus);
  nn::ModelConfig config = is_model_json(o.model) ? nn::read_config(o.model) : store::open_model(o.model)->config();
  check_fits_data(config, o, corpus);
  return config;
}

std::unique_ptr<store::ModelSource> source_of(const PretrainOptions& o) {
  if (o.model.empty() || is_model_json(o.model)) return nullptr;
  return store::open_model(o.model);
}

PretrainPlan make_plan(const PretrainOptions& o, const data::Corpus& corpus, Context& context) {
  PretrainPlan plan;
  check_model_options(o);
  train::TrainSettings& s = plan.settings;
  s.seed = context.seed;
  s.dtype = dtype_of_option(o.dtype);
  std::int64_t token_budget = 0;
  if (o.depth == "auto") {
    plan.flops_per_s = train::matrix_rate(context.stream, s.dtype);
    const nn::DepthChoice choice =
        nn::choose_depth(*o.hours, expected_utilisation * plan.flops_per_s, corpus_tokens(corpus), o.moe,
                         corpus.header().vocab_size, o.context.value_or(default_context));
    plan.config = config_of_depth(o, choice.depth, corpus);
    token_budget = choice.token_budget;
    if (choice.warning) plan.warnings.push_back(*choice.warning);
  } else {
    plan.source = source_of(o);
    plan.config = plan.source ? plan.source->config() : *config_asked_for(o, corpus);
  }
  check_fits_data(plan.config, o, corpus);
  if (plan.source) check_tokenizer(*plan.source, o, corpus);
  s.context = o.context.value_or(plan.config.context);
  const nn::Recipe recipe = nn::recipe_for(plan.config, token_budget);
  s.learning_rate = o.learning_rate.value_or(recipe.learning_rate);
  s.optimizer = {.muon = o.optimizer == "muon", .weight_decay = o.weight_decay, .beta2 = o.beta2, .clip = o.clip};
  s.z_loss = o.z_loss;
  s.balance_gamma = o.moe_gamma;
  s.balance_coefficient = o.moe_balance;
  s.eval_tokens = o.eval_tokens;
  s.activation_bytes = o.recompute;
  s.expert_headroom = o.moe_headroom;
  nn::check_parallel(plan.config, context.mesh->shape());
  plan.run = run_settings(o);
  set_batch(o, recipe, s);
  set_length(o, recipe.token_budget, corpus, plan);
  set_schedule(o, s.schedule);
  if (!context.stream.is_host() && s.dtype == DType::f32) {
    plan.warnings.push_back(
        "fp32 on a GPU leaves its tensor cores idle in attention and experts: --dtype bf16 uses them");
  }
  set_microbatch(o, context, plan);
  set_expectation(plan, context);
  return plan;
}

PretrainPlan resumed_plan(const PretrainOptions& o, nn::ModelConfig config, const train::TrainSettings& settings,
                          const data::Corpus& corpus, Context& context) {
  PretrainPlan plan;
  plan.config = std::move(config);
  plan.settings = settings;
  plan.settings.expert_headroom = o.moe_headroom;  // memory's, as --shard: another may do for these ranks
  plan.run = run_settings(o);
  plan.memory = train::Trainer::plan(plan.config, plan.settings, context.stream.device(), context.mesh->shape(),
                                     plan.run.shard, context.stream.gpu_kernels());
  plan.epochs = static_cast<double>(plan.total_tokens()) / static_cast<double>(corpus_tokens(corpus));
  set_expectation(plan, context);
  return plan;
}

Facts model_facts(const PretrainPlan& plan) {
  const nn::ModelConfig& config = plan.config;
  const nn::ParameterCount count = nn::count_parameters(config);
  const nn::Family family = nn::family_of(config);
  const nn::Block& block = config.block(config.n_layers() - 1);
  Facts facts{{"export family", family.name.empty() ? "none: " + family.why_not : family.name},
              {"layers", std::to_string(config.n_layers())},
              {"width", std::to_string(config.hidden)},
              {"heads", std::to_string(block.attention.heads) + " of " + std::to_string(block.attention.head_dim) +
                            ", " + std::to_string(block.attention.kv_heads) + " for keys and values"},
              {"vocabulary", std::to_string(config.vocab)},
              {"parameters", human_count(static_cast<double>(count.total))}};
  if (config.has_moe()) {
    facts.emplace_back("met by a token", human_count(static_cast<double>(count.active)));
    const nn::Moe& moe = *block.feed_forward.moe;
    facts.emplace_back("experts", std::to_string(moe.experts) + ", " + std::to_string(moe.k) + " a token, width " +
                                      std::to_string(moe.ffn) +
                                      (moe.shared_ffn > 0 ? ", shared " + std::to_string(moe.shared_ffn) : ""));
  }
  return facts;
}

Facts run_facts(const PretrainPlan& plan, const data::Corpus& corpus) {
  const train::TrainSettings& s = plan.settings;
  return {{"data", std::to_string(corpus.sources().size()) + (corpus.sources().size() == 1 ? " file, " : " files, ") +
                       human_count(static_cast<double>(corpus_tokens(corpus))) + " tokens; " +
                       human_count(static_cast<double>(corpus.n_tokens(formats::Split::validation))) + " held out"},
          {"steps", std::to_string(s.n_steps())},
          {"tokens a step", std::to_string(s.batch_tokens()) + " in rows of " + std::to_string(s.context) + ", " +
                                std::to_string(s.microbatch_tokens()) + " at once"},
          {"tokens in all",
           human_count(static_cast<double>(plan.total_tokens())) + ", " + format_number(plan.epochs, 3) + " epochs"},
          {"optimiser",
           std::string(s.optimizer.muon ? "muon" : "adamw") + ", learning rate " + format_number(s.learning_rate, 3)},
          {"schedule", std::string(s.schedule.kind == optim::Schedule::Kind::wsd ? "wsd" : "cosine") + ", warm-up " +
                           std::to_string(s.schedule.warmup_steps) +
                           (s.schedule.decay_steps > 0 ? ", decay " + std::to_string(s.schedule.decay_steps) : "")},
          {"precision", s.dtype == DType::bf16 ? "bf16, fp32 masters" : "fp32"},
          {"seed", std::to_string(s.seed)}};
}

std::string mix_table(const PretrainPlan& plan, const data::Corpus& corpus) {
  TextTable table({"  source", "tokens", "% of rows", "tokens seen", "epochs"});
  for (const data::Corpus::Part& part : corpus.parts()) {
    const double seen = part.weight * static_cast<double>(plan.total_tokens());
    table.add({"  " + part.name, human_count(static_cast<double>(part.n_tokens)), format_number(100 * part.weight, 3),
               human_count(seen), format_number(seen / static_cast<double>(part.n_tokens), 3)});
  }
  return table.text();
}

Json mix_json(const PretrainPlan& plan, const data::Corpus& corpus) {
  Json mix = Json::array();
  for (const data::Corpus::Part& part : corpus.parts()) {
    const double seen = part.weight * static_cast<double>(plan.total_tokens());
    mix.push_back({{"source", part.name},
                   {"file", corpus.sources()[part.file].path},
                   {"tokens", part.n_tokens},
                   {"share", part.weight},
                   {"tokens_seen", seen},
                   {"epochs", seen / static_cast<double>(part.n_tokens)}});
  }
  return mix;
}

Facts memory_facts(const PretrainPlan& plan) {
  const auto bytes = [](std::size_t n) { return human_bytes(static_cast<double>(n)); };
  const nn::MemoryPlan& model = plan.memory.model;
  Facts facts{{"weights", bytes(model.weights)}};
  if (model.masters > 0) facts.emplace_back("fp32 masters", bytes(model.masters));
  facts.insert(facts.end(), {{"gradients", bytes(model.gradients)},
                             {"optimiser", bytes(plan.memory.optimizer)},
                             {"activations", bytes(model.activations)}});
  if (model.scratch > 0) facts.emplace_back("scratch of the kernels", bytes(model.scratch));
  // Beside a GPU's memory these are the host's, and not in the sum.
  const bool apart = plan.memory.on_gpu;
  if (apart) facts.emplace_back("host: batches", bytes(plan.memory.batches));
  facts.emplace_back(apart ? "host: checkpoint copy" : "copy for checkpoints", bytes(plan.memory.staging));
  facts.emplace_back(apart ? "host: the program" : "the program itself", bytes(plan.memory.process));
  if (model.recomputed_blocks > 0) facts.emplace_back("recomputed layers", std::to_string(model.recomputed_blocks));
  return facts;
}

Json plan_json(const PretrainPlan& plan) {
  const nn::ParameterCount count = nn::count_parameters(plan.config);
  const nn::MemoryPlan& model = plan.memory.model;
  return {{"schema", "hearth.pretrain.plan/1"},
          {"family", nn::family_of(plan.config).name},
          {"parameters", count.total},
          {"active_parameters", count.active},
          {"model", nn::to_json(plan.config)},
          {"settings", to_json(plan.settings)},
          {"tokens", plan.total_tokens()},
          {"epochs", plan.epochs},
          {"flops",
           static_cast<double>(plan.total_tokens()) * nn::train_flops_per_token(plan.config, plan.settings.context)},
          {"matrix_flops_per_s", plan.flops_per_s},
          {"expected_s", plan.expected_s},
          {"memory_bytes",
           {{"weights", model.weights},
            {"masters", model.masters},
            {"gradients", model.gradients},
            {"optimizer", plan.memory.optimizer},
            {"activations", model.activations},
            {"scratch", model.scratch},
            {"staging", plan.memory.staging},
            {"batches", plan.memory.batches},
            {"process", plan.memory.process},
            {"host", plan.memory.on_gpu ? plan.memory.host() : 0},
            {"total", plan.memory.total()}}},
          {"exchanged_bytes_of_a_step", plan.memory.exchanged_bytes},
          {"warnings", plan.warnings}};
}

}  // namespace hearth::tools
