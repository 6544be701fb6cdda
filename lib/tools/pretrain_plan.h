// SPDX-License-Identifier: Apache-2.0
// From pretrain's options, the data and the machine to numbers: which model, how long, in what pieces, in how much
// memory.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/data/corpus.h"
#include "lib/device/context.h"
#include "lib/nn/config.h"
#include "lib/store/model_source.h"
#include "lib/tools/pretrain.h"
#include "lib/train/settings.h"
#include "lib/train/trainer.h"

namespace hearth::tools {

struct PretrainPlan {
  nn::ModelConfig config;
  std::unique_ptr<store::ModelSource> source;  // weights to start from; none: random
  train::TrainSettings settings;
  train::RunSettings run;
  train::Trainer::Plan memory;
  double epochs = 0;       // the data will be seen this often
  double flops_per_s = 0;  // measured matrix rate
  double expected_s = 0;   // at half that rate
  std::vector<std::string> warnings;

  std::uint64_t total_tokens() const {
    return static_cast<std::uint64_t>(settings.n_steps() * settings.batch_tokens());
  }
};

// Throws Error{usage} or Error{config} for options that contradict each other, do not fit the data or the machine.
PretrainPlan make_plan(const PretrainOptions& options, const data::Corpus& corpus, Context& context);

// A plan around the model and settings of a checkpoint; only what does not change the bits is taken from the options.
PretrainPlan resumed_plan(const PretrainOptions& options, nn::ModelConfig config, const train::TrainSettings& settings,
                          const data::Corpus& corpus, Context& context);

// The layers that --depth asks for. Throws Error{usage}.
int depth_number(const std::string& text);

// The weights to start from (--model); none: random ones.
std::unique_ptr<store::ModelSource> source_of(const PretrainOptions& options);

// The model options speak of, without weights: for comparing with a checkpoint's. Nothing with --depth auto.
std::optional<nn::ModelConfig> config_asked_for(const PretrainOptions& options, const data::Corpus& corpus);

// label, value: for the report, the log and --dry-run.
using Facts = std::vector<std::pair<std::string, std::string>>;
Facts model_facts(const PretrainPlan& plan);
Facts run_facts(const PretrainPlan& plan, const data::Corpus& corpus);

// What the run will see of each part of the data: tokens there, its share, tokens seen, epochs.
std::string mix_table(const PretrainPlan& plan, const data::Corpus& corpus);
Json mix_json(const PretrainPlan& plan, const data::Corpus& corpus);
Facts memory_facts(const PretrainPlan& plan);
std::string join_facts(const Facts& facts);  // "label value, label value"

Json plan_json(const PretrainPlan& plan);

}  // namespace hearth::tools
