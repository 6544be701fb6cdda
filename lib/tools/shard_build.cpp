// SPDX-License-Identifier: Apache-2.0
// The way of a document: found by the walk, read and extracted and judged alone on any thread, then judged among all
// others and written, in the order of the inputs. Bytes in flight are bounded: when those of a round exceed the budget,
// the rest of its items wait for the next round.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "formats/documents.h"
#include "lib/base/clock.h"
#include "lib/base/digest.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/machine.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"
#include "lib/text/extract.h"
#include "lib/text/file_type.h"
#include "lib/text/filters.h"
#include "lib/text/identity.h"
#include "lib/tools/shard.h"
#include "lib/tools/shard_read.h"
#include "lib/tools/shard_source.h"
#include "lib/tools/shard_statistics.h"
#include "lib/tools/shard_walk.h"

namespace hearth::tools::shard {
namespace {

constexpr std::size_t items_per_round = 2048;
constexpr std::uint64_t budget_bytes_per_thread = 8u << 20;

// The stages of a corpus, in order. New ones are added here.
text::Stages stages_of(const Options& options) {
  text::Stages stages;
  stages.document.push_back(std::make_unique<text::LengthFilter>(options.min_chars));
  stages.corpus.push_back(std::make_unique<text::ExactDuplicates>());
  return stages;
}

class Builder {
 public:
  Builder(const Options& options, Context& context)
      : options_(options),
        context_(context),
        walk_(options.inputs, options.files_from, options.output),
        source_(walk_, options.max_document_bytes),
        stages_(stages_of(options)),
        input_digests_(walk_.roots().size()),
        writer_(options.output, options.common.overwrite, context.pool, {}) {}

  int build();

 private:
  void work_on(Item& item) const;
  void run_round(std::vector<Item>& items, std::size_t begin);
  void take(Item& item);
  void fail_on_bad_line(const Item& item);
  Json input_provenance();
  void report(double seconds) const;

  const Options& options_;
  Context& context_;
  InputWalk walk_;
  ItemSource source_;
  text::Stages stages_;
  std::vector<Sha256> input_digests_;  // of each root: over the sources, text hashes and reasons it gave
  formats::DocumentsWriter writer_;
  Statistics statistics_;
  std::uint64_t n_bad_lines_ = 0;
  std::string first_bad_line_;
};

// Reads, extracts and judges one item alone.
void Builder::work_on(Item& item) const {
  text::Candidate& candidate = item.candidate;
  candidate.document.source = item.file.source + (item.line > 0 ? "#" + std::to_string(item.line) : "");
  candidate.path_hash = text::hash_path(item.file.source);
  if (item.rejection) {
    candidate.document.text = std::move(item.bytes);
  } else if (item.line > 0) {
    item.rejection = text::extract_record(std::move(item.bytes), {options_.text_field, options_.id_field}, candidate);
  } else {
    std::string bytes;
    item.rejection = read_bounded(item.file.path, options_.max_document_bytes, bytes);
    candidate.read_bytes = std::max<std::uint64_t>(bytes.size(), item.file.bytes);
    if (item.rejection) {
      candidate.document.text = std::move(bytes);
    } else {
      item.rejection = text::extract_file(std::move(bytes), text::plain_file_name(item.file.path.native()), candidate);
    }
  }
  for (const auto& stage : stages_.document) {
    if (!item.rejection) item.rejection = stage->decide(candidate);
  }
  candidate.text_hash = text::hash_text(candidate.document.text);
}

// Works on items from begin on; those that are not done afterwards found the budget spent.
void Builder::run_round(std::vector<Item>& items, std::size_t begin) {
  const std::uint64_t budget = budget_bytes_per_thread * static_cast<std::uint64_t>(context_.pool.n_threads());
  std::atomic<std::uint64_t> in_flight{0};
  context_.pool.for_each(static_cast<std::int64_t>(items.size() - begin), [&](std::int64_t index, int) {
    Item& item = items[begin + static_cast<std::size_t>(index)];
    if (item.done || in_flight.load() > budget || stop_requested()) return;
    work_on(item);
    in_flight += item.candidate.document.text.size();
    item.done = true;
  });
}

void Builder::fail_on_bad_line(const Item& item) {
  const bool bad = item.rejection && item.line > 0 &&
                   (item.rejection->reason == "bad-json" || item.rejection->reason == "no-text-field");
  if (!bad) return;
  const std::string message = item.file.path.string() + ":" + std::to_string(item.line) + ": " + item.rejection->detail;
  if (options_.on_bad_line == "fail") {
    throw Error(Kind::data, message + " (--on-bad-line skip goes on without such lines)");
  }
  context_.log.debug(message);
  if (n_bad_lines_++ == 0) first_bad_line_ = message;
}

// Judges an item among those before it, and writes it.
void Builder::take(Item& item) {
  fail_on_bad_line(item);
  text::Candidate& candidate = item.candidate;
  for (const auto& stage : stages_.corpus) {
    if (!item.rejection) item.rejection = stage->decide(candidate);
  }
  formats::Document& document = candidate.document;
  document.id =
      candidate.own_id.empty() ? text::document_id(candidate.path_hash, candidate.text_hash) : candidate.own_id;
  const text::SplitFractions fractions{options_.validation_fraction, options_.test_fraction};
  document.split = text::choose_split(candidate.text_hash, context_.seed, fractions);
  statistics_.add(candidate, item.rejection ? &*item.rejection : nullptr);
  input_digests_[item.file.root].update(document.source + '\0' +
                                        (item.rejection ? item.rejection->reason : candidate.text_hash.hex()) + '\n');
  if (item.rejection) {
    writer_.add(formats::RejectedDocument{std::move(document), item.rejection->reason, item.rejection->detail});
  } else {
    writer_.add(std::move(document));
  }
}

Json Builder::input_provenance() {
  std::vector<InputRecord> inputs;
  for (std::size_t i = 0; i < input_digests_.size(); ++i) inputs.push_back({walk_.roots()[i], input_digests_[i].hex()});
  return provenance(context_.invocation, inputs);
}

int Builder::build() {
  const Stopwatch watch;
  const std::uint64_t budget = budget_bytes_per_thread * static_cast<std::uint64_t>(context_.pool.n_threads());
  for (bool more = true; more;) {
    std::vector<Item> items;
    more = source_.fill(items, items_per_round, budget);
    for (std::size_t begin = 0; begin < items.size();) {
      run_round(items, begin);
      if (stop_requested()) {
        context_.log.warning("stopped by a signal: " + options_.output + " is not written");
        return exit_stopped;
      }
      for (; begin < items.size() && items[begin].done; ++begin) {
        take(items[begin]);
        items[begin] = {};
      }
    }
    context_.log.progress(human_count(static_cast<double>(statistics_.read.documents)) + " documents, " +
                          human_bytes(static_cast<double>(statistics_.read.bytes)) + ", " +
                          human_bytes(static_cast<double>(statistics_.read.bytes) / watch.seconds()) + "/s");
  }
  context_.log.progress_done();
  statistics_.n_files = source_.n_files();
  statistics_.skipped = walk_.skipped();
  if (n_bad_lines_ > 0) {
    context_.log.warning(std::to_string(n_bad_lines_) + " broken lines are skipped, the first: " + first_bad_line_);
  }
  if (statistics_.kept.documents == 0) {
    const std::string reasons = statistics_.reasons();
    throw Error(Kind::data, "no document is left of " + std::to_string(statistics_.read.documents) + " read" +
                                (reasons.empty() ? "" : ": " + reasons) + "; " + options_.output + " is not written");
  }
  writer_.finish(input_provenance(), statistics_.json());
  report(watch.seconds());
  return 0;
}

void Builder::report(double seconds) const {
  for (const auto& [split, fraction] :
       {std::pair{"validation", options_.validation_fraction}, {"test", options_.test_fraction}}) {
    if (fraction > 0 && !statistics_.by_split.contains(split)) {
      context_.log.warning("no document fell into the " + std::string(split) + " split; raise --" + split +
                           "-fraction");
    }
  }
  const double rate = static_cast<double>(statistics_.read.bytes) / seconds;
  if (context_.json) {
    const Json result{{"schema", "hearth.shard/1"},
                      {"output", options_.output},
                      {"seed", context_.seed},
                      {"statistics", statistics_.json()},
                      {"seconds", seconds},
                      {"read_bytes_per_second", rate},
                      {"peak_memory_bytes", peak_memory_bytes()}};
    std::printf("%s\n", dump_json(result).c_str());
    return;
  }
  std::fputs(statistics_.table().c_str(), stdout);
  context_.log.info("wrote " + options_.output + ": " +
                    human_bytes(static_cast<double>(fs::file_size(options_.output))) + " in " + human_seconds(seconds) +
                    " (" + human_bytes(rate) + "/s, seed " + std::to_string(context_.seed) + ", at most " +
                    human_bytes(static_cast<double>(peak_memory_bytes())) + " of memory)");
}

// --dry-run: what there is to read, by type as names tell it.
int plan(const Options& options, Context& context) {
  require_creatable(options.output, options.common.overwrite);
  InputWalk walk(options.inputs, options.files_from, options.output);
  std::map<std::string, Count> by_type;
  Count all, unreadable;
  while (const auto found = walk.next()) {
    all.add(found->bytes);
    if (found->problem) {
      unreadable.add(found->bytes);
    } else {
      by_type[std::string(text::name_of(text::file_type(text::plain_file_name(found->path.native()), "").type))].add(
          found->bytes);
    }
  }
  // A thread holds a document up to four times over, or an HTML page and its tree.
  const std::uint64_t per_thread = 2 * budget_bytes_per_thread + 36 * options.max_document_bytes;
  const std::uint64_t memory = static_cast<std::uint64_t>(context.pool.n_threads()) * per_thread;
  const text::Stages stages = stages_of(options);
  std::vector<std::string> names;
  for (const auto& stage : stages.document) names.emplace_back(stage->name());
  for (const auto& stage : stages.corpus) names.emplace_back(stage->name());
  if (context.json) {
    Json types = Json::object();
    for (const auto& [type, count] : by_type) types[type] = {{"files", count.documents}, {"bytes", count.bytes}};
    const Json result{{"schema", "hearth.shard.plan/1"},
                      {"output", options.output},
                      {"files", all.documents},
                      {"bytes", all.bytes},
                      {"by_type", types},
                      {"unreadable", unreadable.documents},
                      {"stages", names},
                      {"memory_bytes", memory}};
    std::printf("%s\n", dump_json(result).c_str());
    return 0;
  }
  TextTable table({"", "files", "bytes on disk"});
  for (const auto& [type, count] : by_type)
    table.add({type + " (by name)", std::to_string(count.documents), std::to_string(count.bytes)});
  if (unreadable.documents > 0)
    table.add({"unreadable", std::to_string(unreadable.documents), std::to_string(unreadable.bytes)});
  table.add({"all", std::to_string(all.documents), std::to_string(all.bytes)});
  std::fputs(table.text().c_str(), stdout);
  std::printf("stages: %s\nwould write %s with %d threads and at most %s of memory, and 55 bytes a document\n",
              join(names, ", ").c_str(), options.output.c_str(), context.pool.n_threads(),
              human_bytes(static_cast<double>(memory)).c_str());
  return 0;
}

}  // namespace

int run(const Options& options, Context& context) {
  if (options.inputs.empty() && options.files_from.empty()) {
    throw Error(Kind::usage,
                "INPUT is missing: name files or folders, or - for a list of them on standard input\nTry 'hearth shard "
                "--help'.");
  }
  if (options.output == "-") {
    throw Error(Kind::usage,
                "-o -: a documents file cannot be a stream; name a file, and print it by 'hearth shard cat FILE'");
  }
  if (options.validation_fraction + options.test_fraction >= 1) {
    throw Error(
        Kind::config,
        "--validation-fraction and --test-fraction together must be less than 1, or nothing is left to train on");
  }
  if (options.common.dry_run) return plan(options, context);
  return Builder(options, context).build();
}

}  // namespace hearth::tools::shard
