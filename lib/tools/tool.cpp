// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/tool.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <new>
#include <optional>
#include <thread>

#include "lib/base/json_value.h"
#include "lib/base/launcher.h"
#include "lib/base/signals.h"
#include "lib/comm/agreement.h"
#include "lib/comm/nccl/communicator.h"
#include "lib/comm/world.h"
#include "lib/device/cuda_api.h"

namespace hearth::tools {
namespace {

LogLevel level_of(const CommonOptions& common) {
  if (common.quiet) return LogLevel::error;
  if (common.verbose) return LogLevel::debug;
  if (common.log_level == "error") return LogLevel::error;
  if (common.log_level == "warning") return LogLevel::warning;
  return common.log_level == "debug" ? LogLevel::debug : LogLevel::info;
}

Log::Progress progress_of(const CommonOptions& common) {
  if (common.quiet || common.progress == "off") return Log::Progress::off;
  return common.progress == "on" ? Log::Progress::on : Log::Progress::automatic;
}

std::string first_word(const std::string& text) { return text.substr(0, text.find(' ')); }

// What was printed must have reached stdout: a full disk or a closed pipe is an error, not silence.
int close_stdout(const std::string& tool, int code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  std::fprintf(stderr, "%s: stdout: %s\n", tool.c_str(), system_error("cannot write", errno).what());
  return code == 0 ? static_cast<int>(Kind::io) : code;
}

void print_version(const std::string& tool, const std::vector<std::string>& arguments) {
  bool json = false, verbose = false;
  for (const std::string& argument : arguments) {
    json = json || argument == "--json";
    verbose = verbose || argument == "-v" || argument == "-vV" || argument == "--verbose";
  }
  const std::vector<std::pair<std::string, std::string>> facts{
      {"tool", tool}, {"version", version()}, {"commit", commit()}, {"compiler", "gcc " __VERSION__}};
  if (json) {
    Json object{{"schema", "hearth.version/1"}};
    for (const auto& [key, value] : facts) object[key] = value;
    std::printf("%s\n", dump_json(object).c_str());
    return;
  }
  std::printf("%s (hearth) %s\n", tool.c_str(), version().c_str());
  for (std::size_t i = 2; verbose && i < facts.size(); ++i) {
    std::printf("%s: %s\n", facts[i].first.c_str(), facts[i].second.c_str());
  }
}

// The command the arguments speak of: a subcommand when the first word names one.
const Command& addressed(const Command& command, const std::vector<std::string>& arguments) {
  for (const auto& sub : command.subcommands()) {
    if (!arguments.empty() && sub->name == command.name + " " + arguments.front()) return *sub;
  }
  return command;
}

void print_help(const Command& command, HelpRequest::Form form) {
  using Form = HelpRequest::Form;
  std::string text;
  if (form == Form::brief || form == Form::full) text = help_text(command, form == Form::full);
  if (form == Form::json) text = dump_json(help_json(command), 2) + "\n";
  if (form == Form::man) text = man_page(command);
  if (form == Form::completion) text = bash_completion({&command});
  std::fputs(text.c_str(), stdout);
}

int run_tool(const std::string& tool, const std::vector<std::string>& arguments, Command& command) {
  const HelpRequest help = help_requested(arguments);
  if (help.form != HelpRequest::Form::none) {
    print_help(addressed(command, arguments), help.form);
    return 0;
  }
  for (const std::string& argument : arguments) {
    if (argument == "--version" || argument == "-V" || argument == "-vV") {
      print_version(tool, arguments);
      return 0;
    }
  }
  Command& chosen = parse_options(command, arguments);
  if (const Option* print = chosen.find("print-config"); print != nullptr && print->current() == "true") {
    std::fputs(config_text(chosen).c_str(), stdout);
    return 0;
  }
  HEARTH_CHECK(static_cast<bool>(chosen.run), "the tool set no run");
  return chosen.run(chosen);
}

constexpr int least_cores_to_overlap = 4;  // below, a core does more by computing

// One a core of its own; where the launcher bound the ranks to cores, those are it already.
int threads_of_a_rank(int local_size) {
  const int cores = available_cores();
  const bool bound = cores < static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  return bound ? cores : std::max(1, cores / local_size);
}

int run_body(const Command& command, const CommonOptions& common, const std::vector<std::string>& argv, Log& log,
             ThreadPool& pool, const comm::Mesh* mesh, int gpu, const std::function<int(Context&)>& body) {
  if (!common.log_file.empty()) log.open_events(common.log_file);
  std::optional<Stream> stream;
  if (common.device == "cuda")
    stream.emplace(Device::cuda(gpu), pool);
  else
    stream.emplace(pool);
  Context context{log, pool, *stream, common.seed, {}, common.json, common.quiet, mesh};
  context.invocation = {command.name, argv, dump_json(config_json(command)), !common.no_provenance};
  log.event("start", Json{{"tool", command.name}, {"version", version()}, {"argv", argv}});
  int code = 0;
  try {
    code = body(context);
  } catch (const Error& error) {
    log.event("exit", Json{{"code", error.exit_code()}, {"message", error.what()}});
    throw;
  }
  log.event("exit", Json{{"code", code}});
  return code;
}

// What is wrong on all ranks is said once: when the first has said it and left, the launcher ends the others while they
// wait here. What is wrong on one alone is still said: then nobody ends the rank, and this returns true.
bool outlives_the_first_rank() {
  const std::optional<Launch> launch = find_launch();
  const bool asked_before = stop_requested();
  for (int i = 0; launch && launch->rank > 0 && i < 100; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (stop_requested() && !asked_before) return false;
  }
  return true;
}

}  // namespace

void add_common(Command& command, CommonOptions& common, CommonSet set) {
  command.group("Common options");
  command.option("threads", &common.threads, "N", "threads to use; 0: one a core").letter('j').range(0, 4096);
  if (set.device) command.option("device", &common.device, "NAME", "where to compute: the processor, or a GPU").one_of({"cpu", "cuda"});
  if (set.seed) command.option("seed", &common.seed, "N", "seed of all random choices");
  if (set.dry_run) command.flag("dry-run", &common.dry_run, "check everything, print the plan, write nothing").letter('n');
  if (set.overwrite) command.flag("overwrite", &common.overwrite, "replace an existing output").letter('f');
  if (set.tmpdir) command.option("tmpdir", &common.tmpdir, "DIR", "folder for temporary files");
  if (set.no_provenance) command.flag("no-provenance", &common.no_provenance, "leave out host, time and paths, so that equal work gives equal bytes");
  if (set.json) command.flag("json", &common.json, "print one JSON object on stdout instead of a table");
  command.option("config", &common.config, "FILE", "read options from a key = value file").not_in_config();
  command.flag("print-config", &common.print_config, "print the options in force as a config file and stop").not_in_config();
  command.option("log", &common.log_file, "FILE", "append events as JSON lines");
  command.option("log-level", &common.log_level, "LEVEL", "least severe message shown").one_of({"error", "warning", "info", "debug"});
  command.option("progress", &common.progress, "WHEN", "progress on stderr").one_of({"auto", "on", "off"});
  command.flag("quiet", &common.quiet, "only errors").letter('q');
  command.flag("verbose", &common.verbose, "more messages").letter('v');
}

int run_with_context(const Command& command, const CommonOptions& common, const std::vector<std::string>& argv,
                     const std::function<int(Context&)>& body) {
  const std::optional<Launch> launch = find_launch();
  if (launch && launch->size > 1) {
    throw Error(Kind::usage, "started as " + std::to_string(launch->size) + " processes by " + launch->launcher +
                                 ", but this tool runs as one: start it alone, or in a job step of one task");
  }
  Log log(first_word(command.name), level_of(common), progress_of(common));
  ThreadPool pool(common.threads);
  return run_body(command, common, argv, log, pool, nullptr, 0, body);
}

int run_on_ranks(const Command& command, const CommonOptions& common, const std::vector<std::string>& argv,
                 const comm::MeshShape& shape, const std::function<int(Context&)>& body, bool overlaps) {
  int stopped = 0;  // the exit code of an end of all ranks alike: MPI is ended first
  bool first = true;
  {
    comm::World world(find_launch());
    first = world.rank() == 0;
    const std::string rank = world.size() > 1 ? "[" + std::to_string(world.rank()) + "]" : "";
    Log log(first_word(command.name) + rank, first ? level_of(common) : LogLevel::error,
            first ? progress_of(common) : Log::Progress::off);
    const comm::MeshShape filled = shape.for_ranks(world.size());
    const int cores = threads_of_a_rank(world.local_size());
    const bool spares = overlaps && (common.threads > 0 ? common.threads < cores : cores >= least_cores_to_overlap);
    if (spares) world.overlap();
    ThreadPool pool(common.threads > 0 ? common.threads : cores - (spares ? 1 : 0));
    std::unique_ptr<comm::Communicator> all = world.communicator();
    comm::check_agreement(*all, {{"the mesh", filled.text()}});
    // A GPU a rank: the one of its number on the node, or the only one that the launcher lets it see.
    const int gpu = cuda_gpus() == 1 ? 0 : world.launch().local_rank;
    if (world.size() > 1 && common.device == "cuda")
      all = comm::make_nccl_communicator(std::move(all), Device::cuda(gpu), pool);
    const comm::Mesh mesh(std::move(all), filled, world.local_size());
    CommonOptions own = common;
    if (!first) own.log_file.clear(), own.json = false;
    try {
      return run_body(command, own, argv, log, pool, &mesh, gpu, body);
    } catch (const Error& error) {
      if (error.kind() != Kind::stopped) throw;
      stopped = error.exit_code();
      // Before MPI ends, which waits for all: once one rank has left with 75, mpirun ends the others.
      if (first) std::fprintf(stderr, "%s: %s\n", first_word(command.name).c_str(), error.what());
    }
  }
  return stopped;
}

int tell(const std::string& tool, const Error& error) {
  const auto* of_other = dynamic_cast<const comm::PeerError*>(&error);
  const bool speaks = of_other != nullptr && of_other->speaks();
  if (speaks || (outlives_the_first_rank() && of_other == nullptr))
    std::fprintf(stderr, "%s: %s\n", tool.c_str(), error.what());
  return error.exit_code();
}

int tool_main(int argc, char** argv, const std::function<Command(const std::vector<std::string>&)>& build) {
  const std::vector<std::string> all(argv, argv + argc);
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  std::string tool = "hearth";
  try {
    install_signal_handlers();
    Command command = build(all);
    tool = command.name;
    return close_stdout(tool, run_tool(tool, arguments, command));
  } catch (const Error& error) {
    return tell(tool, error);
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: out of memory\n", tool.c_str());
    return static_cast<int>(Kind::unavailable);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: internal error: %s (this is a bug in hearth)\n", tool.c_str(), error.what());
    return static_cast<int>(Kind::internal);
  }
}

}  // namespace hearth::tools
