// SPDX-License-Identifier: Apache-2.0
// `shard train-classifier`: reads documents of two kinds as vectors, trains on most of them, judges the rest.
#include <cstdio>
#include <map>
#include <utility>

#include "formats/documents.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"
#include "lib/text/classify/train.h"
#include "lib/text/identity.h"
#include "lib/tools/shard_classifier.h"
#include "lib/tools/shard_containers.h"
#include "lib/tools/shard_extract.h"
#include "lib/tools/shard_source.h"
#include "lib/tools/shard_walk.h"

namespace hearth::tools::shard {
namespace {

namespace classify = text::classify;

constexpr std::size_t items_per_round = 2048;
constexpr std::uint64_t round_bytes_per_thread = 16u << 20;
constexpr std::uint64_t least_of_each = 10;  // documents, in training and held out together

using Features = std::vector<classify::Feature>;

// The documents of one class, by hash of their texts: those of least hash, as many as the budget holds. Which they are
// does not depend on the order they come in.
class Sample {
 public:
  explicit Sample(std::uint64_t budget_bytes) : budget_bytes_(budget_bytes) {}

  void add(const Hash128& hash, Features features, std::uint64_t text_bytes) {
    ++n_read_;
    bytes_read_ += text_bytes;
    if (features.empty() || (cut_ && !(hash < *cut_))) return;
    const std::uint64_t bytes = bytes_of(features);
    if (!by_hash_.emplace(hash, std::move(features)).second) return;
    bytes_ += bytes;
    while (bytes_ > budget_bytes_ && by_hash_.size() > 1) {
      const auto last = std::prev(by_hash_.end());
      cut_ = last->first;
      bytes_ -= bytes_of(last->second);
      by_hash_.erase(last);
    }
  }
  std::map<Hash128, Features>& by_hash() { return by_hash_; }
  std::uint64_t n_read() const { return n_read_; }
  std::uint64_t bytes_read() const { return bytes_read_; }
  bool is_cut() const { return cut_.has_value(); }

 private:
  static std::uint64_t bytes_of(const Features& features) { return features.size() * sizeof(features[0]) + 128; }

  std::uint64_t budget_bytes_;
  std::map<Hash128, Features> by_hash_;
  std::optional<Hash128> cut_;  // the least hash that did not fit
  std::uint64_t bytes_ = 0, n_read_ = 0, bytes_read_ = 0;
};

class Reading {
 public:
  Reading(const TrainClassifierOptions& options, std::uint64_t n_buckets, Context& context)
      : options_(options), context_(context) {
    for (int i = 0; i < context.pool.n_threads(); ++i) makers_.emplace_back(n_buckets);
  }

  // False when a signal asked to stop.
  bool read(const std::vector<std::string>& inputs, Sample& sample) {
    std::vector<std::string> others;
    for (const std::string& input : inputs) {
      if (!input.ends_with(".h5")) {
        others.push_back(input);
      } else if (!read_corpus(input, sample)) {
        return false;
      }
    }
    return others.empty() || read_items(others, sample);
  }

 private:
  bool read_corpus(const std::string& path, Sample& sample) {
    const formats::DocumentsReader reader(path);
    for (std::uint64_t block = 0; block < reader.n_blocks() && !stop_requested(); ++block) {
      std::vector<std::string> texts;
      for (formats::Document& document : reader.read_block(block)) texts.push_back(std::move(document.text));
      take(texts.size(), sample, [&](std::size_t i) { return std::move(texts[i]); });
    }
    return !stop_requested();
  }

  bool read_items(const std::vector<std::string>& inputs, Sample& sample) {
    InputWalk files(inputs, "", options_.output);
    SharedWalk walk(files);
    const auto workers = parser_workers({}, options_.max_document_bytes);
    text::ExtractOptions extract = extract_options({});
    extract.workers = workers.get();
    ItemSource source(walk, member_limits({}, options_.max_document_bytes), workers.get());
    const std::uint64_t budget = round_bytes_per_thread * static_cast<std::uint64_t>(context_.pool.n_threads());
    for (bool more = true; more && !stop_requested();) {
      std::vector<Item> items;
      more = source.fill(items, items_per_round, budget);
      take(items.size(), sample, [&](std::size_t i) {
        Item item = std::move(items[i]);
        extract_item(item, options_.max_document_bytes, {options_.text_field, ""}, extract);
        return item.rejection ? std::string() : std::move(item.candidate.document.text);
      });
    }
    return !stop_requested();
  }

  // text_at(i) gives the i-th text, on any thread.
  template <class TextAt>
  void take(std::size_t n, Sample& sample, TextAt text_at) {
    struct Taken {
      Hash128 hash;
      Features features;
      std::uint64_t bytes = 0;
    };
    std::vector<Taken> taken(n);
    context_.pool.for_each(static_cast<std::int64_t>(n), [&](std::int64_t i, int thread) {
      const std::string text = text_at(static_cast<std::size_t>(i));
      if (text.empty() || stop_requested()) return;
      taken[static_cast<std::size_t>(i)] = {text::hash_text(text), makers_[static_cast<std::size_t>(thread)].make(text),
                                            text.size()};
    });
    for (Taken& one : taken) {
      if (one.bytes > 0) sample.add(one.hash, std::move(one.features), one.bytes);
    }
    context_.log.progress("reading: " + human_count(static_cast<double>(sample.n_read())) + " documents, " +
                          human_bytes(static_cast<double>(sample.bytes_read())));
  }

  const TrainClassifierOptions& options_;
  Context& context_;
  std::vector<classify::FeatureMaker> makers_;  // by thread
};

struct Examples {
  std::vector<classify::Example> train, held_out;
  std::uint64_t n_on_both_sides = 0;
};

Examples divide(Sample& good, Sample& bad, double held_out_fraction, std::uint64_t seed) {
  Examples examples;
  for (auto it = good.by_hash().begin(); it != good.by_hash().end();) {
    const bool both = bad.by_hash().erase(it->first) > 0;
    examples.n_on_both_sides += both ? 1 : 0;
    it = both ? good.by_hash().erase(it) : std::next(it);
  }
  for (Sample* sample : {&good, &bad}) {
    for (auto& [hash, features] : sample->by_hash()) {
      const auto split = text::choose_split(hash, seed, {held_out_fraction, 0});
      auto& where = split == formats::Split::validation ? examples.held_out : examples.train;
      where.push_back({std::move(features), sample == &good});
    }
    sample->by_hash().clear();
  }
  return examples;
}

std::uint64_t n_good(const std::vector<classify::Example>& examples) {
  return static_cast<std::uint64_t>(std::ranges::count_if(examples, &classify::Example::good));
}

void require_enough(const Examples& examples) {
  for (const bool good : {true, false}) {
    std::uint64_t n_train = n_good(examples.train), n_held_out = n_good(examples.held_out);
    if (!good) n_train = examples.train.size() - n_train, n_held_out = examples.held_out.size() - n_held_out;
    if (n_train + n_held_out >= least_of_each && n_train > 0 && n_held_out > 0) continue;
    throw Error(Kind::data, std::string(good ? "GOOD" : "--against") + " has " + std::to_string(n_train + n_held_out) +
                                " different documents, of which " + std::to_string(n_held_out) +
                                " are held out; at least " + std::to_string(least_of_each) +
                                " are needed, of them one held out");
  }
}

Json json_of(const classify::Evaluation& evaluation, const Examples& examples) {
  const std::uint64_t n = n_good(examples.train);
  return {{"trained_on_good", n},
          {"trained_on_bad", examples.train.size() - n},
          {"on_both_sides", examples.n_on_both_sides},
          {"held_out_good", evaluation.n_good},
          {"held_out_bad", evaluation.n_bad},
          {"accuracy", evaluation.accuracy},
          {"auc", evaluation.auc},
          {"log_loss_nats", evaluation.log_loss},
          {"good_kept_at_tenths", evaluation.good_kept},
          {"bad_kept_at_tenths", evaluation.bad_kept}};
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", 100 * share);
  return text;
}

void print(const classify::Evaluation& evaluation, const Examples& examples) {
  const std::uint64_t n = n_good(examples.train);
  std::printf("trained on %llu good and %llu bad documents; of %llu and %llu held out %s %% are told right, AUC %.4f\n",
              static_cast<unsigned long long>(n), static_cast<unsigned long long>(examples.train.size() - n),
              static_cast<unsigned long long>(evaluation.n_good), static_cast<unsigned long long>(evaluation.n_bad),
              percent(evaluation.accuracy).c_str(), evaluation.auc);
  TextTable table({"--classifier-min", "% of good kept", "% of bad kept"});
  for (std::size_t i = 0; i < evaluation.good_kept.size(); ++i) {
    table.add({"0." + std::to_string(i + 1), percent(evaluation.good_kept[i]), percent(evaluation.bad_kept[i])});
  }
  std::fputs(table.text().c_str(), stdout);
}

std::string digest_of(const std::string& input) {
  if (input.ends_with(".h5")) return formats::DocumentsReader(input).digest();
  return fs::is_regular_file(input) ? sha256_of_file(input) : "";
}

}  // namespace

int run_train_classifier(const TrainClassifierOptions& options, Context& context) {
  const Stopwatch watch;
  require_creatable(options.output, options.common.overwrite);
  classify::TrainingOptions training;
  training.seed = context.seed;
  Sample good(options.memory_bytes / 2), bad(options.memory_bytes / 2);
  Reading reading(options, training.n_buckets, context);
  if (!reading.read(options.good, good) || !reading.read(options.bad, bad)) {
    throw Error(Kind::stopped, "stopped by a signal: " + options.output + " is not written");
  }
  const double read_seconds = watch.seconds();
  const std::uint64_t bytes_read = good.bytes_read() + bad.bytes_read();
  if (good.is_cut() || bad.is_cut()) context.log.info("more documents than --memory holds: a sample of them is used");
  const Examples examples = divide(good, bad, options.held_out_fraction, context.seed);
  require_enough(examples);
  context.log.progress("training on " + std::to_string(examples.train.size()) + " documents");
  formats::LinearClassifier classifier = classify::train(examples.train, training);
  std::vector<classify::Scored> scored;
  for (const classify::Example& example : examples.held_out) {
    scored.push_back({classify::score_of(classifier, example.features), example.good});
  }
  const classify::Evaluation evaluation = classify::evaluate(std::move(scored));
  const Json json = json_of(evaluation, examples);
  classifier.evaluation = dump_json(json);
  classifier.scope = options.scope;
  context.log.progress_done();
  std::vector<InputRecord> inputs;
  for (const auto* paths : {&options.good, &options.bad}) {
    for (const std::string& path : *paths) inputs.push_back({path, digest_of(path)});
  }
  formats::write_classifier(options.output, options.common.overwrite, classifier,
                            provenance(context.invocation, inputs));
  if (context.json) {
    const Json result{{"schema", "hearth.classifier/1"},
                      {"output", options.output},
                      {"seed", context.seed},
                      {"evaluation", json},
                      {"seconds", watch.seconds()}};
    std::printf("%s\n", dump_json(result).c_str());
  } else {
    print(evaluation, examples);
  }
  context.log.info("wrote " + options.output + " from " + human_bytes(static_cast<double>(bytes_read)) +
                   " of text: read in " + human_seconds(read_seconds) + ", trained in " +
                   human_seconds(watch.seconds() - read_seconds));
  return 0;
}

}  // namespace hearth::tools::shard
