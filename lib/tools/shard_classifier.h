// SPDX-License-Identifier: Apache-2.0
// shard's options about a classifier of documents, and `shard train-classifier`, which makes one.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "lib/base/options.h"
#include "lib/text/classify/classifier_stage.h"
#include "lib/text/stage.h"
#include "lib/tools/tool.h"

namespace hearth::tools::shard {

void add_classifier_options(Command& command, text::classify::ClassifierOptions& options);

// Null without a classifier; it rejects, or only tags. Throws as formats::read_classifier.
std::unique_ptr<text::DocumentStage> make_classifier_stage(const text::classify::ClassifierOptions& options,
                                                           bool reject);

struct TrainClassifierOptions {
  CommonOptions common;
  std::vector<std::string> good, bad;  // documents files (*.h5), or whatever shard reads
  std::string output;
  std::string text_field = "text", scope = "prose";
  double held_out_fraction = 0.1;
  std::uint64_t memory_bytes = 2u << 30;
  std::uint64_t max_document_bytes = 16u << 20;
};

// Trains on all but the documents held out, which it then judges; prints how well. Equal texts count once, those of
// both classes not at all. Throws Error{data} when a class has too few documents.
int run_train_classifier(const TrainClassifierOptions& options, Context& context);

Command build_train_classifier_command(const std::vector<std::string>& argv);

}  // namespace hearth::tools::shard
