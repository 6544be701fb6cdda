// SPDX-License-Identifier: Apache-2.0
// The three passes of a run: read everything into the work folder (shard_gather.h), judge it as a whole
// (shard_judge.h), write what stays (shard_write.h). A run that was interrupted goes on where reading stood; the other
// two passes are done again.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "formats/documents.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/machine.h"
#include "lib/base/text.h"
#include "lib/text/file_type.h"
#include "lib/tools/shard.h"
#include "lib/tools/shard_gather.h"
#include "lib/tools/shard_judge.h"
#include "lib/tools/shard_report.h"
#include "lib/tools/shard_spool.h"
#include "lib/tools/shard_stages.h"
#include "lib/tools/shard_statistics.h"
#include "lib/tools/shard_walk.h"
#include "lib/tools/shard_write.h"
#include "lib/tools/work_folder.h"

namespace hearth::tools::shard {
namespace {

// What decides the result of a run: all options but those that only say how it goes.
Json plan_of(const Context& context) {
  Json config = parse_json(context.invocation.config, "the options in force");
  for (const char* name : {"threads", "json", "log", "log-level", "progress", "quiet", "verbose", "overwrite",
                           "no-provenance", "html", "resume", "dry-run", "output"}) {
    config.erase(name);
  }
  return {{"producer", producer()}, {"config", config}};
}

void warn_of_empty_splits(const Options& options, const Statistics& statistics, Log& log) {
  for (const auto& [split, fraction] :
       {std::pair{"validation", options.validation_fraction}, {"test", options.test_fraction}}) {
    if (fraction > 0 && !statistics.by_split.contains(split)) {
      log.warning("no document fell into the " + std::string(split) + " split; raise --" + split + "-fraction");
    }
  }
}

// The end of a run on stdout and stderr.
void report(const Options& options, const Context& context, const Statistics& statistics, double seconds) {
  warn_of_empty_splits(options, statistics, context.log);
  const double rate = static_cast<double>(statistics.read.bytes) / seconds;
  if (context.json) {
    const Json result{{"schema", "hearth.shard/1"},
                      {"output", options.output},
                      {"seed", context.seed},
                      {"statistics", statistics.json()},
                      {"seconds", seconds},
                      {"read_bytes_per_second", rate},
                      {"peak_memory_bytes", peak_memory_bytes()}};
    std::printf("%s\n", dump_json(result).c_str());
    return;
  }
  std::fputs(statistics.table().c_str(), stdout);
  context.log.info("wrote " + options.output + ": " + human_bytes(static_cast<double>(fs::file_size(options.output))) +
                   " in " + human_seconds(seconds) + " (" + human_bytes(rate) + "/s, seed " +
                   std::to_string(context.seed) + ", at most " + human_bytes(static_cast<double>(peak_memory_bytes())) +
                   " of memory)");
}

// The same for an output that an earlier run completed, when it could do no more than that.
void report_finished_before(const Options& options, const Context& context) {
  if (context.json) {
    const formats::DocumentsReader reader(options.output);
    const Json result{{"schema", "hearth.shard/1"},
                      {"output", options.output},
                      {"seed", context.seed},
                      {"statistics", reader.statistics()}};
    std::printf("%s\n", dump_json(result).c_str());
  }
  context.log.info(options.output + " is complete: the run that wrote it was killed just before its end");
  if (!options.html.empty() && !fs::exists(options.html))
    context.log.warning(options.html + " is not written; --overwrite does the whole run again");
}

int stopped(const Options& options, const Spool& spool, Log& log) {
  log.progress_done();
  log.warning("stopped by a signal: " + options.output + " is not written; what was read is kept in " +
              spool.folder().string() + ", and the same command goes on from there");
  return static_cast<int>(Kind::stopped);
}

// The passes. The work folder outlives an interruption and a full disk, and goes when its content is of no use.
int build(const Options& options, Context& context) {
  const Stopwatch watch;
  if (WorkFolder::remove_finished(options.output, plan_of(context)) && !options.common.overwrite) {
    report_finished_before(options, context);
    return 0;
  }
  require_creatable(options.output, options.common.overwrite);
  if (!options.html.empty()) require_creatable(options.html, true);
  Spool spool(options.output, plan_of(context), options.resume, context.pool);
  const bool begun_before = spool.n_segments() > 0;
  try {
    const Stages stages = stages_of(options, spool.folder(), context);
    Gatherer gatherer(options, stages, spool, context);
    if (!gatherer.run()) return stopped(options, spool, context.log);
    const auto judgement = judge_corpus(spool, stages, context);
    if (!judgement) return stopped(options, spool, context.log);
    CorpusWriter writer(options, stages, spool, *judgement, gatherer.roots(), context);
    if (!writer.run()) return stopped(options, spool, context.log);
    if (!options.html.empty()) {
      write_file(options.html, report_html(options.output, writer.statistics(), writer.samples(), watch.seconds()));
    }
    report(options, context, writer.statistics(), watch.seconds());
  } catch (const Error& error) {
    if (!begun_before && error.kind() != Kind::io) spool.remove();
    throw;
  }
  spool.remove();
  return 0;
}

// --dry-run: what there is to read, by type as names tell it.
int plan(const Options& options, Context& context) {
  require_creatable(options.output, options.common.overwrite);
  InputWalk walk(options.inputs, options.files_from, options.output, !options.no_gitignore);
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
  const std::vector<std::string> names = stages_of(options, {}, context).names();
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
  if (options.code.records == "repo" && options.duplicates.near == "tag") {
    throw Error(
        Kind::config,
        "--code repo with --near-duplicates tag: files of packed repositories cannot be held out with those they "
        "resemble; reject near-duplicates, or keep them");
  }
  extract_options(options.parsers);  // a program that is missing is said before anything is read
  if (options.common.dry_run) return plan(options, context);
  return build(options, context);
}

}  // namespace hearth::tools::shard
