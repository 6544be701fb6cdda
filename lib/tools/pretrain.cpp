// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/pretrain.h"

#include <cstdio>
#include <memory>

#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/machine.h"
#include "lib/base/provenance.h"
#include "lib/base/text.h"
#include "lib/comm/agreement.h"
#include "lib/comm/mesh.h"
#include "lib/nn/family.h"
#include "lib/nn/parameters.h"
#include "lib/text/tokenizer/tokenizer.h"
#include "lib/tools/pretrain_folder.h"
#include "lib/tools/pretrain_plan.h"
#include "lib/tools/watched_ranks.h"

namespace hearth::tools {
namespace {

void print_facts(Context& context, const PretrainPlan& plan, const data::Corpus& corpus) {
  context.log.info("model: " + join_facts(model_facts(plan)));
  context.log.info("run: " + join_facts(run_facts(plan, corpus)));
  if (corpus.parts().size() > 1) context.log.info("mix:\n" + mix_table(plan, corpus));
  context.log.info("memory: " + human_bytes(static_cast<double>(plan.memory.total())) + " of " +
                   human_bytes(static_cast<double>(context.stream.device().api().free_bytes())) + ": " +
                   join_facts(memory_facts(plan)));
  context.log.info("time: about " + human_seconds(plan.expected_s) + " at half of the " +
                   format_number(plan.flops_per_s * 1e-9, 3) + " GFLOP/s this machine multiplies at");
  for (const std::string& warning : plan.warnings) context.log.warning(warning);
  const nn::Family family = nn::family_of(plan.config);
  if (family.name.empty())
    context.log.warning("no export family holds this shape (" + family.why_not + "): hearth export will refuse it");
}

void print_plan(const Context& context, const PretrainPlan& plan, const data::Corpus& corpus) {
  if (context.json) {
    Json json = plan_json(plan);
    json["mix"] = mix_json(plan, corpus);
    std::printf("%s\n", dump_json(json).c_str());
    return;
  }
  const auto section = [](const char* title, const Facts& facts) {
    std::printf("%s\n", title);
    for (const auto& [label, value] : facts) std::printf("  %-22s %s\n", label.c_str(), value.c_str());
  };
  section("model", model_facts(plan));
  section("run", run_facts(plan, corpus));
  std::printf("what the run will see\n%s", mix_table(plan, corpus).c_str());
  section("memory", memory_facts(plan));
  const double flops =
      static_cast<double>(plan.total_tokens()) * nn::train_flops_per_token(plan.config, plan.settings.context);
  if (!context.mesh->alone())
    section("among ranks", {{"mesh", context.mesh->shape().text() + ", --shard " + std::string(nn::name_of(plan.run.shard))},
                            {"parameters sent", human_bytes(plan.memory.exchanged_bytes) + " a rank and step"}});
  section("in all", {{"memory", human_bytes(static_cast<double>(plan.memory.total())) + " of " +
                                    human_bytes(static_cast<double>(context.stream.device().api().free_bytes()))},
                     {"arithmetic", format_number(flops, 3) + " FLOP"},
                     {"time", "about " + human_seconds(plan.expected_s) + " at half of the measured " +
                                  format_number(plan.flops_per_s * 1e-9, 3) + " GFLOP/s"}});
}

void print_result(const Context& context, const PretrainOptions& options, const PretrainPlan& plan,
                  const train::Outcome& outcome) {
  const double before = outcome.first ? outcome.first->bits_per_byte : 0,
               after = outcome.last ? outcome.last->bits_per_byte : 0;
  if (context.json) {
    Json result{{"schema", "hearth.pretrain/1"},
                {"folder", options.output},
                {"stopped", outcome.stopped},
                {"step", outcome.step},
                {"parameters", nn::count_parameters(plan.config).total},
                {"tokens", outcome.tokens},
                {"loss", outcome.loss},
                {"skipped_steps", outcome.n_skipped},
                {"seconds", outcome.seconds},
                {"tokens_per_s", outcome.tokens_per_s},
                {"ceiling_ratio", outcome.ceiling_ratio},
                {"peak_memory_bytes", peak_memory_bytes()}};
    if (outcome.last) {
      result["held_out"] = {{"bits_per_byte_before", before},
                            {"bits_per_byte", after},
                            {"loss", outcome.last->loss},
                            {"tokens", outcome.last->n_tokens}};
    }
    std::printf("%s\n", dump_json(result).c_str());
    return;
  }
  std::string text = options.output + ": step " + std::to_string(outcome.step) + ", " +
                     human_count(static_cast<double>(outcome.tokens)) + " tokens";
  if (outcome.last) {
    text += ", held-out bits per byte " + (before != after ? format_number(before, 4) + " -> " : std::string()) +
            format_number(after, 4);
  }
  text += ", " + human_count(outcome.tokens_per_s) + " tokens/s (" + format_number(100 * outcome.ceiling_ratio, 3) +
          " % of the matrix rate), " + human_seconds(outcome.seconds);
  std::printf("%s\n", text.c_str());
}

// The run to go on with, checked to be the one the options describe.
struct Resumed {
  std::unique_ptr<formats::CheckpointReader> checkpoint;
  nn::ModelConfig config;
  train::TrainSettings settings;
};

std::optional<Resumed> open_resumed(const PretrainOptions& o, const Json& asked, const data::Corpus& corpus) {
  const std::optional<fs::path> folder = checkpoint_to_resume(o.output, o.resume);
  if (!folder) return std::nullopt;
  return with_context("resuming (remove a damaged checkpoint to go on from the one before)", [&] {
    Resumed resumed{std::make_unique<formats::CheckpointReader>(*folder), {}, {}};
    const std::string where = (*folder / "trainer.json").string();
    const Json trainer = parse_json(resumed.checkpoint->json("trainer.json"), where);
    check_same_run(asked, json_get<Json>(trainer, "asked", where));
    resumed.config = nn::parse_config(parse_json(resumed.checkpoint->json("model.json"), where), "model.json");
    resumed.settings = train::settings_from_json(json_get<Json>(trainer, "settings", where), where);
    const std::optional<nn::ModelConfig> wanted = config_asked_for(o, corpus);
    if (wanted && *wanted != resumed.config) {
      throw Error(Kind::config, "the run in this folder trains another model than " +
                                    (o.model.empty() ? "--depth asks for" : o.model) + ": name another folder by -o");
    }
    return std::optional<Resumed>(std::move(resumed));
  });
}

void take_tokenizer(const std::optional<fs::path>& tokenizer, const fs::path& run) {
  if (!tokenizer) return;
  fs::create_directories(run / "tokenizer");
  text::Tokenizer::load(*tokenizer).write_folder(run / "tokenizer");
}

std::vector<InputRecord> inputs_of(const data::Corpus& corpus, const PretrainPlan& plan, const std::string& model) {
  std::vector<InputRecord> inputs;
  for (const data::Corpus::Source& source : corpus.sources()) inputs.push_back({source.path, source.reader->digest()});
  if (plan.source) inputs.push_back({model, plan.source->id()});
  return inputs;
}

// The first rank's plan, on all of them: what it measured (--depth auto) is another elsewhere.
PretrainPlan shared_plan(const PretrainOptions& o, const std::optional<Resumed>& resumed, const data::Corpus& corpus,
                         Context& context) {
  comm::Communicator& world = context.mesh->world();
  PretrainPlan plan;
  const auto make_own = [&] {
    plan =
        resumed ? resumed_plan(o, resumed->config, resumed->settings, corpus, context) : make_plan(o, corpus, context);
  };
  comm::together(world, [&] {
    if (world.rank() == 0 || resumed) make_own();
  });
  const Json of_first = parse_json(
      comm::shared_text(world, dump_json({{"model", nn::to_json(plan.config)}, {"settings", to_json(plan.settings)}})),
      "the plan of rank 0");
  if (world.rank() != 0 && !resumed) {
    const nn::ModelConfig config = nn::parse_config(of_first["model"], "the plan of rank 0");
    plan =
        resumed_plan(o, config, train::settings_from_json(of_first["settings"], "the plan of rank 0"), corpus, context);
    plan.source = source_of(o);
  }
  return plan;
}

// Everything that has to be the same on all ranks and may not be: another build on some node, another file behind a
// path.
void check_ranks_agree(const Context& context, const PretrainOptions& o, const Json& asked,
                       const std::optional<Resumed>& resumed) {
  Json options = asked;
  options.erase("data");
  comm::check_agreement(context.mesh->world(),
                        {{"the program (hearth " + version() + ")", version() + " " + commit()},
                         {"the data (--data)", dump_json(asked["data"])},
                         {"the options", dump_json(options)},
                         {"--shard", o.shard},
                         {"--moe-headroom", format_number(o.moe_headroom, 17)},
                         {"the checkpoint to go on from", resumed ? resumed->checkpoint->json("trainer.json") : ""}});
}

train::Outcome train_model(const PretrainOptions& o, Context& context, const data::Corpus& corpus,
                           const PretrainPlan& plan, const std::optional<Resumed>& resumed, const Json& asked,
                           const Guard& guard) {
  train::RunDescription description;
  description.folder = o.output;
  description.asked = dump_json(asked);
  description.provenance = dump_json(provenance(context.invocation, inputs_of(corpus, plan, o.model)));
  description.model_table = model_facts(plan);
  description.run_table = run_facts(plan, corpus);
  description.ceiling_flops_per_s = plan.flops_per_s;
  description.nodes = comm::all_texts(context.mesh->world(), this_node());
  train::Trainer trainer(context, plan.config, plan.settings, plan.run, corpus, std::move(description));
  train::Outcome outcome;
  guard([&] {
    if (resumed) {
      trainer.resume(*resumed->checkpoint);
      context.log.info("going on from step " + std::to_string(trainer.step()));
    } else if (plan.source) {
      trainer.start_from(*plan.source);
    } else {
      trainer.start_fresh();
    }
    outcome = trainer.run();
  });
  return outcome;
}

void choose_kernels(const PretrainOptions& o, Stream& stream) {
  if (stream.is_host() && o.gemm != "cublaslt") throw Error(Kind::usage, "--gemm goes with --device cuda");
  if (stream.is_host() && o.attention != "portable") throw Error(Kind::usage, "--attention goes with --device cuda");
  if (o.exact && o.attention == "cudnn")
    throw Error(Kind::usage, "--attention cudnn does not keep what --exact promises: leave out one of them");
  if (stream.is_host() && o.grouped_gemm != "own") throw Error(Kind::usage, "--grouped-gemm goes with --device cuda");
  if (o.grouped_gemm == "cublaslt" && o.cuda_graphs == "on")
    throw Error(
        Kind::usage,
        "--grouped-gemm cublaslt must see the experts' rows, which a recorded pass does not: add --cuda-graphs off");
  using Attention = GpuKernels::Attention;
  stream.choose({.gemm = o.gemm == "sm90" ? GpuKernels::Gemm::sm90 : GpuKernels::Gemm::cublaslt,
                 .attention = o.attention == "cudnn"  ? Attention::cudnn
                              : o.attention == "auto" ? Attention::automatic
                                                      : Attention::portable,
                 .grouped = o.grouped_gemm == "cublaslt" ? GpuKernels::Grouped::cublaslt : GpuKernels::Grouped::own,
                 .exact = o.exact});
}

}  // namespace

int run(const PretrainOptions& o, Context& context) {
  choose_kernels(o, context.stream);
  std::vector<data::SourceSpec> specs;
  for (const std::string& text : o.data) specs.push_back(data::parse_source(text));
  std::vector<data::SourceWeight> weights;
  for (const std::string& text : o.weights) weights.push_back(data::parse_source_weight(text));
  data::Corpus corpus(specs, weights);
  const std::optional<fs::path> tokenizer = find_tokenizer(o.tokenizer, corpus);
  const Json asked = binding_options(parse_json(context.invocation.config, "options"), corpus, o.max_epochs);
  comm::Communicator& world = context.mesh->world();
  const bool first = world.rank() == 0;
  // An existing folder is looked at, then locked, then read; a new one is made when the plan is known to be sound. The
  // first rank's lock stands for all.
  std::optional<FolderLock> lock;
  const auto lock_folder = [&] {
    if (!first) return;
    make_run_folder(o.output);
    lock.emplace(o.output);
    if (!lock->problem().empty()) context.log.warning(lock->problem());
  };
  comm::together(world, [&] {
    checkpoint_to_resume(o.output, o.resume);
    if (!o.common.dry_run && fs::exists(o.output)) lock_folder();
  });
  const std::optional<Resumed> resumed = open_resumed(o, asked, corpus);
  check_ranks_agree(context, o, asked, resumed);
  const PretrainPlan plan = shared_plan(o, resumed, corpus, context);
  if (o.max_epochs) corpus.cap_epochs(static_cast<double>(plan.total_tokens()), *o.max_epochs);
  if (corpus.n_tokens(formats::Split::validation) == 0)
    context.log.warning("the data hold no validation text: nothing is measured on held-out text");
  if (o.common.dry_run) {
    if (!first) return 0;
    print_plan(context, plan, corpus);
    for (const std::string& warning : plan.warnings) context.log.warning(warning);
    return 0;
  }
  if (first) print_facts(context, plan, corpus);
  comm::together(world, [&] {
    if (!lock) lock_folder();
    if (first) take_tokenizer(tokenizer, o.output);
  });
  train::Outcome outcome;
  watched(context, o.output, o.watchdog_s,
          [&](const Guard& guard) { outcome = train_model(o, context, corpus, plan, resumed, asked, guard); });
  if (first) print_result(context, o, plan, outcome);
  if (outcome.stopped)
    throw Error(Kind::stopped, o.output + ": stopped at step " + std::to_string(outcome.step) +
                                   " after saving: the same command goes on");
  return 0;
}

}  // namespace hearth::tools
