// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_classifier.h"

namespace hearth::tools::shard {

void add_classifier_options(Command& command, text::classify::ClassifierOptions& options) {
  command.option("classifier", &options.path, "FILE",
                 "score documents by a classifier of 'hearth shard train-classifier' (attribute quality_score)");
  command
      .option("classifier-min", &options.least_score, "P",
              "least score of a document that is kept; with --quality-action tag all are, scored")
      .range(0, 1);
}

std::unique_ptr<text::DocumentStage> make_classifier_stage(const text::classify::ClassifierOptions& options,
                                                           bool reject) {
  if (options.path.empty()) return nullptr;
  return std::make_unique<text::classify::ClassifierStage>(options, reject);
}

Command build_train_classifier_command(const std::vector<std::string>& argv) {
  const auto options = std::make_shared<TrainClassifierOptions>();
  Command command("shard train-classifier", "a classifier that knows good documents from bad ones");
  command.details =
      "Learns from documents of two kinds, those wanted and those to be kept out, what tells them apart: words and "
      "pairs of words, hashed, in a linear classifier (as fastText's). 'hearth shard --classifier FILE' then scores "
      "documents by it: near 1 for those like the good ones, near 0 for those like the bad ones.\n"
      "\n"
      "A tenth is held out and judged at the end: how many of it are told right, how often a good document scores "
      "higher than a bad one (AUC), and how much of each kind a threshold would keep. Both kinds weigh the same, "
      "however many documents of each there are. Documents that differ in more than their quality (language, origin, "
      "length) teach the classifier that difference too, so take both kinds from the same sources where you can.\n"
      "\n"
      "Equal texts are taken once; a text that stands on both sides is left out. When there are more than memory "
      "holds, a sample drawn by their hashes is used.";
  command.examples = {{"hearth shard train-classifier liked.jsonl --against crawl.h5 -o quality.clf", "train one"},
                      {"hearth shard docs/ -o corpus.h5 --classifier quality.clf --classifier-min 0.3", "and use it"}};
  command.positional("GOOD", &options->good, "documents of the kind wanted: documents files, or whatever shard reads")
      .must();
  command.option("against", &options->bad, "FILE", "documents of the other kind; may be repeated").must();
  command.option("output", &options->output, "FILE", "the classifier to write").letter('o').must();
  command
      .option("scope", &options->scope, "WHICH",
              "the documents that it is for: shard asks it of no others. Records of JSONL files are prose")
      .one_of({"prose", "code", "all"});
  command.option("text-field", &options->text_field, "NAME", "of JSONL files, the field that holds the text");
  command.option("held-out-fraction", &options->held_out_fraction, "F", "share of documents that it is judged by")
      .range(0.01, 0.9);
  command.size("memory", &options->memory_bytes, "SIZE", "most memory for the documents trained on").range(1 << 20);
  command.size("max-document-bytes", &options->max_document_bytes, "SIZE", "most bytes of a document as read")
      .range(1, 1u << 30);
  add_common(command, options->common, {.seed = true, .overwrite = true, .no_provenance = true});
  command.run = [options, argv](const Command& self) {
    return run_with_context(self, options->common, argv,
                            [&](Context& context) { return run_train_classifier(*options, context); });
  };
  return command;
}

}  // namespace hearth::tools::shard
