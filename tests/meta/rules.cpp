// SPDX-License-Identifier: Apache-2.0
#include <regex>
#include <set>

#include "lib/base/text.h"
#include "tests/meta/checks.h"

namespace hearth::meta {
namespace {

struct Ban {
  std::string pattern;              // a regular expression on code without comments and literals
  std::string why;
  std::vector<std::string> except;  // path prefixes
};

// What stands before a call of a plain function: not a member, not a name that merely ends alike.
const std::string call = R"((?:^|[^\w.>:]|std::|::))";

const std::vector<Ban>& bans() {
  static const std::vector<Ban> table{
      {R"(std::(cout|cerr|clog)\b)", "iostream output; results go through stdio in lib/tools, all else through Log", {}},
      {call + R"((printf|puts|putchar)\s*\()", "only a tool prints", {"lib/tools/", "bin/"}},
      {R"(\bstdout\b)", "only a tool writes to stdout", {"lib/tools/", "bin/", "formats/text_stream.cpp"}},
      {R"(\bstderr\b)", "messages go through Log", {"lib/base/log.cpp", "lib/tools/tool.cpp", "bin/"}},
      {call + R"((exit|_exit|abort|quick_exit|terminate)\s*\()", "the library never ends the process", {"lib/base/signals.cpp", "lib/base/child_spawn.cpp", "bin/"}},
      {call + R"((getenv|setenv|putenv)\s*\()", "the environment is read by the option table and the base layer", {"lib/base/"}},
      {call + R"((system|popen)\s*\()", "no shell", {}},
      {call + R"((rand|srand|drand48)\s*\(|std::mt19937|std::random_device)", "random numbers come from lib/base/rng.h", {}},
      {R"(\busing\s+namespace\s+std\s*;)", "names of std are written out", {}},
      {R"(\bcudaMalloc\b|\bcudaFree\b)", "device memory has its owner in lib/device", {"lib/device/"}},
      {R"(\b(cuda|cublas|cudnn)[A-Z]\w*)", "CUDA's names stand in the folders cuda alone", {"kernels/cuda/", "lib/device/cuda/"}},
      {R"(\bH5[A-Z]+close\b)", "HDF5 handles have their owner in formats/hdf5", {"formats/hdf5"}},
      {R"(#\s*pragma\s+omp\b)", "threads come from lib/base/thread_pool.h", {}},
      {R"(\bTODO\b|\bFIXME\b|\bXXX\b)", "say what and why, or do it", {}},
  };
  return table;
}

bool starts_with_any(const std::string& path, const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes) {
    if (path.starts_with(prefix)) return true;
  }
  return false;
}

}  // namespace

Findings check_calls(const SourceFile& file) {
  Findings findings;
  if (!file.is_cpp() || file.path.starts_with("tests/")) return findings;
  const std::vector<std::string> lines = lines_of(code_only(file.text));
  for (const Ban& ban : bans()) {
    if (starts_with_any(file.path, ban.except)) continue;
    const std::regex pattern(ban.pattern);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      std::smatch match;
      if (!std::regex_search(lines[i], match, pattern)) continue;
      findings.push_back(finding(file, i + 1, "'" + std::string(trim(match.str())) + "': " + ban.why));
    }
  }
  return findings;
}

Findings check_names(const SourceFile& file) {
  static const std::set<std::string> banned{"src",  "include", "utils",   "util", "common",
                                            "misc", "helpers", "plugins", "third_party", "vendor"};
  Findings findings;
  for (const std::string& part : split(file.path, '/')) {
    if (banned.contains(part)) findings.push_back(finding(file, 1, "no folder is called " + part));
  }
  const std::string kind = file.extension();
  if (kind == ".md" || kind == ".txt" || (kind == ".in" && !file.path.ends_with(".h.in"))) return findings;
  const std::vector<std::string> lines = lines_of(file.text);
  const std::size_t at = !lines.empty() && lines.front().starts_with("#!") ? 1 : 0;
  if (lines.size() <= at || lines[at].find("SPDX-License-Identifier: Apache-2.0") == std::string::npos) {
    findings.push_back(finding(file, at + 1, "the line 'SPDX-License-Identifier: Apache-2.0' is missing"));
  }
  return findings;
}

namespace {

// A builtin's name where a shell would run it, followed by anything but an assignment or an upper-case variable.
bool runs_builtin(const std::string& line) {
  static const std::regex pattern(
      R"((?:^|[;&|(`!]|\b(?:then|do|else|time|command|if|while)\s)\s*[@\\"']*(?:eval|export)["']?(?=\s|$)(?!\s+[A-Za-z_][A-Za-z0-9_]*=)(?!\s+[A-Z_][A-Z0-9_]*\b))");
  return std::regex_search(line, pattern);
}

bool is_shell(const SourceFile& file) {
  return file.extension() == ".sh" || file.extension() == ".sbatch" || file.text.starts_with("#!/bin/sh") ||
         file.text.starts_with("#!/bin/bash") || file.path == "Makefile";
}

// A markdown line as the shell lines in it: a line of a code block (its prompt taken off), or the `spans` of prose.
std::vector<std::string> shell_lines(const std::string& line, bool in_block) {
  if (in_block) return {std::regex_replace(line, std::regex(R"(^\s*\$\s+)"), "")};
  static const std::regex span("`([^`]+)`");
  std::vector<std::string> spans;
  for (std::sregex_iterator at(line.begin(), line.end(), span), end; at != end; ++at) {
    const std::string text = (*at)[1];
    if (text.find(' ') != std::string::npos) spans.push_back(text);  // a lone word is a name, not a call
  }
  return spans;
}

}  // namespace

Findings check_builtin_names(const SourceFile& file) {
  Findings findings;
  const std::string message = "a shell runs its builtin here; write hearth eval, hearth export, or a path";
  const bool prose = file.extension() == ".md";
  const bool tool = file.path.starts_with("lib/tools/");
  if (!prose && !tool && !is_shell(file)) return findings;
  static const std::regex quoted(R"("(?:eval|export) -)");  // an example in a tool's help
  const std::vector<std::string> lines = lines_of(file.text);
  bool in_block = false;
  std::string here_end;  // inside a here-document: the word that ends it
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string text(trim(lines[i]));
    if (!here_end.empty()) {
      if (text == here_end) here_end.clear();
      continue;
    }
    std::smatch here;
    if (!prose && !tool && std::regex_search(text, here, std::regex(R"(<<-?\s*['"]?(\w+))"))) here_end = here[1];
    if (prose && text.starts_with("```")) in_block = !in_block;
    bool wrong = false;
    if (prose) {
      for (const std::string& each : shell_lines(lines[i], in_block || lines[i].starts_with("    "))) wrong |= runs_builtin(each);
    } else if (tool) {
      wrong = std::regex_search(lines[i], quoted);
    } else {
      wrong = !text.starts_with("#") && runs_builtin(lines[i]);
    }
    if (wrong) findings.push_back(finding(file, i + 1, message));
  }
  return findings;
}

}  // namespace hearth::meta
