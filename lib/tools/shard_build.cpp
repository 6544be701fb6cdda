// SPDX-License-Identifier: Apache-2.0
// The three passes of a run: read everything into the work folder (shard_gather.h), judge it as a whole
// (shard_judge.h), write what stays (shard_write.h). A run that was interrupted goes on where reading stood; the other
// two passes are done again. Many ranks read and write each a share of the files (shard_share.h, rank_parts.h), and
// judge together.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "formats/documents.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/machine.h"
#include "lib/base/text.h"
#include "lib/comm/agreement.h"
#include "lib/comm/mesh.h"
#include "lib/text/file_type.h"
#include "lib/tools/rank_parts.h"
#include "lib/tools/shard.h"
#include "lib/tools/shard_gather.h"
#include "lib/tools/shard_judge.h"
#include "lib/tools/shard_plan.h"
#include "lib/tools/shard_report.h"
#include "lib/tools/shard_share.h"
#include "lib/tools/shard_spool.h"
#include "lib/tools/shard_stages.h"
#include "lib/tools/shard_statistics.h"
#include "lib/tools/shard_walk.h"
#include "lib/tools/shard_write.h"
#include "lib/tools/work_folder.h"

namespace hearth::tools::shard {
namespace {

void warn_of_empty_splits(const Options& options, const Statistics& statistics, Log& log) {
  for (const auto& [split, fraction] :
       {std::pair{"validation", options.validation_fraction}, {"test", options.test_fraction}}) {
    if (fraction > 0 && !statistics.by_split.contains(split)) {
      log.warning("no document fell into the " + std::string(split) + " split; raise --" + split + "-fraction");
    }
  }
}

std::uint64_t bytes_of(const std::vector<fs::path>& files) {
  std::uint64_t bytes = 0;
  for (const fs::path& file : files) bytes += fs::file_size(file);
  return bytes;
}

// What a run took, of all ranks.
struct Cost {
  double seconds = 0;
  std::uint64_t memory_bytes = 0;        // the most of a rank
  double communication_s = 0;            // the most of a rank, waiting for others included
  std::uint64_t communicated_bytes = 0;  // sent by all
};

// Collective.
Cost cost_of(comm::Communicator& world, double seconds) {
  const comm::Traffic traffic = world.traffic();
  const auto most = comm::largest(
      world, {static_cast<std::int64_t>(peak_memory_bytes()), static_cast<std::int64_t>(traffic.seconds * 1e6)});
  const auto sums = comm::summed(world, {traffic.bytes});
  return {seconds, static_cast<std::uint64_t>(most[0]), static_cast<double>(most[1]) * 1e-6,
          static_cast<std::uint64_t>(sums[0])};
}

// The end of a run on stdout and stderr. files: what was written.
void report(const Options& options, const Context& context, const Statistics& statistics, const Cost& cost,
            const std::vector<fs::path>& files) {
  warn_of_empty_splits(options, statistics, context.log);
  const double rate = static_cast<double>(statistics.read.bytes) / cost.seconds;
  if (context.json) {
    const Json result{{"schema", "hearth.shard/1"},
                      {"output", options.output},
                      {"seed", context.seed},
                      {"ranks", context.mesh->size()},
                      {"statistics", statistics.json()},
                      {"seconds", cost.seconds},
                      {"read_bytes_per_second", rate},
                      {"communication_seconds", cost.communication_s},
                      {"communicated_bytes", cost.communicated_bytes},
                      {"peak_memory_bytes", cost.memory_bytes}};
    std::printf("%s\n", dump_json(result).c_str());
    return;
  }
  std::fputs(statistics.table().c_str(), stdout);
  const std::string parts = files.size() > 1 ? " in " + std::to_string(files.size()) + " parts" : "";
  context.log.info("wrote " + options.output + ": " + human_bytes(static_cast<double>(bytes_of(files))) + parts +
                   " in " + human_seconds(cost.seconds) + " (" + human_bytes(rate) + "/s, seed " +
                   std::to_string(context.seed) + ", at most " + human_bytes(static_cast<double>(cost.memory_bytes)) +
                   " of memory" + (files.size() > 1 ? " a rank)" : ")"));
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

// What one rank of a run works on: with one rank the output itself and all files.
struct Work {
  Json plan;
  std::optional<FileShare> share;
  std::optional<RankParts> parts;
  std::optional<RankParts> others;  // with one rank: what ranks wrote before
  fs::path output;  // of this rank
};

Work work_of(const Options& options, Context& context) {
  Work work{plan_of(options, context), {}, {}, {}, options.output};
  comm::Communicator& world = context.mesh->world();
  if (world.size() == 1) {
    work.others.emplace(options.output, formats::documents_parts);
    return work;
  }
  comm::check_agreement(world, {{"the program (hearth " + version() + ")", version() + " " + commit()},
                                {"the options", dump_json(work.plan) + options.output}});
  InputWalk walk(options.inputs, options.files_from, options.output, !options.no_gitignore);
  work.share = share_of(walk, options.code.records == "repo", world.rank(), world.size());
  work.plan["ranks"] = world.size();
  work.plan["inputs"] = {{"files", work.share->n_files}, {"identity", work.share->inputs.hex()}};
  comm::check_agreement(world, {{"the input files", dump_json(work.plan)}});
  // Where files came or went, the shares are others: not this work.
  work.parts.emplace(options.output, work.plan, world.size(), formats::documents_parts);
  work.output = work.parts->of(world.rank());
  return work;
}

// Whether the output is an index of this run's parts, and they are the ones it was made with.
bool stands(const Options& options, const Work& work) {
  try {
    return work.parts->make_up_output() && formats::DocumentsReader(options.output).n_blocks() > 0;
  } catch (const Error&) {
    return false;
  }
}

// True when an earlier run completed the output and was killed before it removed its work folders, which is done now.
bool was_finished(const Options& options, const Work& work, Context& context) {
  if (!work.parts) return WorkFolder::remove_finished(options.output, work.plan);
  comm::Communicator& world = context.mesh->world();
  const bool complete = fs::exists(options.output) && !fs::exists(options.output + ".partial");
  // The marker alone may be older than the index: then an output that was to be replaced is still there.
  bool finished =
      world.rank() == 0 && complete && stands(options, work) && WorkFolder::is_finished(work.output, work.plan);
  finished = comm::largest(world, {finished ? 1 : 0})[0] > 0;
  if (!finished) return false;
  std::error_code failed;
  if (world.rank() > 0) fs::remove_all(work.output.string() + ".work", failed);
  world.barrier();
  if (world.rank() == 0) WorkFolder::remove_finished(work.output, work.plan);
  return true;
}

int stopped(const Options& options, const Spool& spool, const Context& context) {
  context.log.progress_done();
  context.log.warning("stopped by a signal: " + options.output + " is not written; what was read is kept in " +
                      (context.mesh->alone() ? spool.folder() : spool.folder().parent_path()).string() +
                      ", and the same command goes on from there");
  return static_cast<int>(Kind::stopped);
}

// What single ranks found broken, said once.
void warn_of_bad_lines(const Gatherer& gatherer, const Context& context) {
  std::uint64_t n = 0;
  std::string first;
  const Json own{gatherer.n_bad_lines(), gatherer.first_bad_line()};
  for (const std::string& text : comm::gathered_texts(context.mesh->world(), dump_json(own))) {
    const Json one = parse_json(text, "a rank");
    n += one[0].get<std::uint64_t>();
    if (first.empty()) first = one[1].get<std::string>();
  }
  if (n > 0) context.log.warning(std::to_string(n) + " broken lines are skipped, the first: " + first);
}

// Completes what this rank writes, then that of all.
void finish(const Options& options, const Work& work, const Spool& spool, CorpusWriter& writer, Context& context) {
  if (!work.parts) {
    spool.finishing();
    writer.finish();
    return work.others->remove_replaced(context.log);
  }
  comm::Communicator& world = context.mesh->world();
  writer.finish();
  world.barrier();  // all parts are there
  if (world.rank() == 0) {
    spool.finishing();
    formats::write_documents_index(options.output, options.common.overwrite, work.parts->all(),
                                   provenance(context.invocation, writer.inputs()), writer.statistics().json());
    work.parts->remove_replaced(context.log);
  }
  world.barrier();  // the index is: what was kept can go
}

// The passes. False, or Error{stopped} on all ranks, when a signal asked any to stop.
bool pass_all(const Options& options, const Work& work, Spool& spool, Context& context) {
  const Stopwatch watch;
  comm::Communicator& world = context.mesh->world();
  const Stages stages = stages_of(options, spool.folder(), context);
  Gatherer gatherer(options, stages, spool, work.share, context);
  const bool gathered = gatherer.run();
  if (any_stopped(world) || !gathered) return false;
  warn_of_bad_lines(gatherer, context);
  const ReadPosition& read = spool.position();
  const comm::Numbering rows(world, read.n_references, read.n_rows - read.n_references);
  const auto judgement = judge_corpus(spool, stages, rows, context);
  if (!judgement) return false;
  CorpusWriter writer(options, work.output, stages, spool, *judgement, rows, gatherer.roots(), context);
  if (!writer.run()) return false;
  finish(options, work, spool, writer, context);
  const Cost cost = cost_of(world, watch.seconds());
  if (world.rank() > 0) return true;
  if (!options.html.empty()) {
    write_file(options.html, report_html(options.output, writer.statistics(), writer.samples(), cost.seconds));
  }
  report(options, context, writer.statistics(), cost,
         work.parts ? work.parts->all() : std::vector<fs::path>{options.output});
  return true;
}

// The work folder outlives an interruption and a full disk, and goes when its content is of no use. A rank that fails
// ends alone and says who it is: the launcher ends the others, which may be waiting for it.
int build(const Options& options, Context& context) {
  comm::Communicator& world = context.mesh->world();
  Work work = work_of(options, context);
  if (was_finished(options, work, context) && !options.common.overwrite) {
    if (world.rank() == 0) report_finished_before(options, context);
    return 0;
  }
  require_creatable(options.output, options.common.overwrite);
  if (!options.html.empty()) require_creatable(options.html, true);
  if (work.parts) work.parts->take_folder(world, context.log);
  if (work.others) work.others->take_to_replace(context.log);
  const auto pass = [&] {
    Spool spool(work.output, work.plan, options.resume, context.pool);
    if (!work.parts && !spool.lock_problem().empty()) context.log.warning(spool.lock_problem());
    const bool begun_before = spool.n_segments() > 0;
    try {
      if (!pass_all(options, work, spool, context)) return stopped(options, spool, context);
    } catch (const Error& error) {
      if (error.kind() == Kind::stopped) return stopped(options, spool, context);
      if (!begun_before && error.kind() != Kind::io) spool.remove();
      throw;
    }
    // The first rank's says that the output is complete: it goes last.
    if (world.rank() > 0) spool.remove();
    world.barrier();
    if (world.rank() == 0) spool.remove();
    return 0;
  };
  if (!work.parts) return pass();
  return with_context("rank " + std::to_string(world.rank()), pass);
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
  const std::uint64_t memory =
      static_cast<std::uint64_t>(context.pool.n_threads()) * per_thread + options.duplicates.memory_bytes;
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
  std::printf("stages: %s\nwould write %s with %d threads and at most %s of memory, and 2 bytes a document\n",
              join(names, ", ").c_str(), options.output.c_str(), context.pool.n_threads(),
              human_bytes(static_cast<double>(memory)).c_str());
  return 0;
}

}  // namespace

int run(const Options& options, Context& context) {
  const bool reads_stdin =
      options.files_from == "-" || std::find(options.inputs.begin(), options.inputs.end(), "-") != options.inputs.end();
  if (reads_stdin && !context.mesh->alone()) {
    throw Error(Kind::usage,
                "a list on standard input is read by one process; write it to a file that all ranks see "
                "and give --files-from FILE");
  }
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
  extract_options(options.parsers);  // a program that is missing is said before anything is read
  if (options.common.dry_run) return context.mesh->rank() == 0 ? plan(options, context) : 0;
  return build(options, context);
}

}  // namespace hearth::tools::shard
