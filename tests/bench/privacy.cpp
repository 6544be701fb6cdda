// SPDX-License-Identifier: Apache-2.0
// bench_privacy [--findings] [--names FILE] FILE...: how fast private content is found on one thread in files held in
// memory, beside one pass over the same bytes (their sum, as 64-bit words). Processor time of this thread. --findings
// prints what was found instead, as JSON lines with the text around it, for people to judge and to
// compare.
#include <cstdio>
#include <cstring>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/machine.h"
#include "lib/text/privacy/finder.h"

namespace hearth {
namespace {

constexpr int repetitions = 5;
using text::privacy::find_private;
using text::privacy::NameList;

double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void print_findings(const std::string& path, const std::string& text, const NameList* names) {
  for (const auto& finding : find_private(text, names)) {
    const std::size_t from = finding.begin < 60 ? 0 : finding.begin - 60;
    const Json line{{"kind", text::privacy::words_of(finding.kind).name},
                    {"value", text.substr(finding.begin, finding.end - finding.begin)},
                    {"around", text.substr(from, finding.end + 40 - from)},
                    {"file", path},
                    {"begin", finding.begin}};
    std::printf("%s\n", dump_json(line).c_str());
  }
}

std::uint64_t sum(const std::string& text) {
  std::uint64_t total = 0, word = 0;
  for (std::size_t at = 0; at + sizeof word <= text.size(); at += sizeof word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    total += word;
  }
  return total;
}

int bench(const std::vector<std::string>& paths, const NameList* names) {
  std::vector<std::string> texts;
  std::uint64_t bytes = 0, found = 0, check = 0;
  for (const std::string& path : paths) bytes += texts.emplace_back(read_file(path)).size();
  double ours = 1e30, least = 1e30;
  for (int i = 0; i < repetitions; ++i) {
    double begin = thread_seconds();
    for (const std::string& text : texts) check += sum(text);
    least = std::min(least, thread_seconds() - begin);
    begin = thread_seconds();
    found = 0;
    for (const std::string& text : texts) found += find_private(text, names).size();
    ours = std::min(ours, thread_seconds() - begin);
  }
  const Json line{{"bench", names != nullptr ? "privacy find, with names" : "privacy find"},
                  {"work", {{"bytes", bytes}, {"files", texts.size()}, {"found", found}, {"check", check % 1000}}},
                  {"seconds", ours},
                  {"rate", static_cast<double>(bytes) / ours},
                  {"unit", "bytes/s on one thread"},
                  {"ceiling", static_cast<double>(bytes) / least},
                  {"ratio", least / ours},
                  {"repetitions", repetitions},
                  {"machine", this_machine().cpu}};
  std::printf("%s\n", dump_json(line).c_str());
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  try {
    std::vector<std::string> paths(argv + 1, argv + argc);
    std::optional<hearth::NameList> names;
    const bool findings = !paths.empty() && paths[0] == "--findings";
    if (findings) paths.erase(paths.begin());
    if (paths.size() > 1 && paths[0] == "--names") {
      names = hearth::NameList::read(paths[1]);
      paths.erase(paths.begin(), paths.begin() + 2);
    }
    if (paths.empty()) {
      std::puts("Usage: bench_privacy [--findings] [--names FILE] FILE...");
      return 64;
    }
    if (!findings) return hearth::bench(paths, names ? &*names : nullptr);
    for (const std::string& path : paths)
      hearth::print_findings(path, hearth::read_file(path), names ? &*names : nullptr);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_privacy: %s\n", error.what());
    return 70;
  }
}
