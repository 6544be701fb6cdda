// SPDX-License-Identifier: Apache-2.0
// What all tools share: the common options, and the main that parses, runs and maps errors to exit codes.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/base/options.h"
#include "lib/comm/mesh.h"
#include "lib/device/context.h"

namespace hearth::tools {

// Fields of the options that mean the same in every tool. A tool declares only those it honours (add_common).
struct CommonOptions {
  int threads = 0;
  std::uint64_t seed = 1;
  std::string log_file, log_level = "info", progress = "auto";
  std::string tmpdir;
  std::string device = "cpu";
  std::vector<std::string> config;
  bool json = false, dry_run = false, overwrite = false, quiet = false, verbose = false;
  bool print_config = false, no_provenance = false;
};

// Which of them beyond those every tool has (threads, log*, progress, config, print-config, json, quiet, verbose).
struct CommonSet {
  bool seed = false, dry_run = false, overwrite = false, tmpdir = false, no_provenance = false, json = true, device = false;
};

void add_common(Command& command, CommonOptions& common, CommonSet set);

// Runs body with the Context the common options ask for. A tool sets Command::run to a call of this.
int run_with_context(const Command& command, const CommonOptions& common, const std::vector<std::string>& argv,
                     const std::function<int(Context&)>& body);

// The same for a tool that runs as many ranks under mpirun or srun: context.mesh is there, of one rank when there is no
// launcher. Ranks but the first show errors only. Tools run by run_with_context refuse to be many. overlaps: there are
// calls among ranks to be under way while a rank computes; where it has at least four cores, or --threads leaves it some,
// one is for them.
int run_on_ranks(const Command& command, const CommonOptions& common, const std::vector<std::string>& argv,
                 const comm::MeshShape& shape, const std::function<int(Context&)>& body, bool overlaps = false);

// What is said of an error that ends a tool; returns the exit code. Of an error of another rank one rank speaks.
int tell(const std::string& tool, const Error& error);

// The body of every main: --help and --version, parse, run; an Error becomes "tool: message" on stderr and its exit code.
// build declares the tool's command, bound to options that live as long as it.
int tool_main(int argc, char** argv, const std::function<Command(const std::vector<std::string>& argv)>& build);

}  // namespace hearth::tools
