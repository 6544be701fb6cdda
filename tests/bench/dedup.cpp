// SPDX-License-Identifier: Apache-2.0
// bench_dedup TEXT [PAIRS]: near-duplicates and repeated passages of a file cut into documents of ten
// kilobytes, in processor time of one thread, beside reading the same memory. PAIRS: a file for the rows found near.
// bench_dedup --suite SUITE TEXT: decontamination of a text.
// bench_dedup --rows N: N made-up signatures, a tenth of them near another, to see time and memory grow.
#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/machine.h"
#include "lib/text/dedup/near.h"
#include "lib/text/dedup/repeated.h"
#include "lib/text/dedup/suites.h"
#include "lib/text/dedup/words.h"

namespace hearth {
namespace {

using namespace text::dedup;

constexpr std::size_t document_bytes = 10'000;  // as in dedup_peer.py

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double seconds_of(const std::function<void()>& work) {
  const double start = processor_seconds();
  work();
  return processor_seconds() - start;
}

// Memory that is the process's own; pages of mapped temporary files, which the kernel may drop, are not.
double own_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (double kilobytes = 0; word == "RssAnon:" && status >> kilobytes) return 1024 * kilobytes;
  }
  return 0;
}

std::vector<std::string> documents_in(const std::string& data) {
  std::vector<std::string> documents;
  for (std::size_t begin = 0; begin < data.size();) {
    const std::size_t line_end = data.find('\n', begin + document_bytes);
    const std::size_t end = line_end == std::string::npos ? data.size() : line_end + 1;
    documents.push_back(data.substr(begin, end - begin));
    begin = end;
  }
  return documents;
}

struct Bench {
  const std::vector<std::string>& documents;
  double bytes = 0, ceiling_seconds = 0;

  void print(const char* name, double seconds, Json more = Json::object()) const {
    more["bench"] = name;
    more["work"] = {{"bytes", bytes}, {"documents", documents.size()}};
    more["seconds"] = seconds;
    more["rate"] = bytes / seconds;
    more["unit"] = "bytes/s of processor time, one thread";
    more["ceiling"] = bytes / ceiling_seconds;
    more["ratio"] = ceiling_seconds / seconds;
    more["machine"] = this_machine().cpu;
    std::printf("%s\n", dump_json(more).c_str());
  }
};

// A stage over all documents: seconds of its sketches, and of the rest.
std::pair<double, double> run(text::CorpusStage& stage, const std::vector<std::string>& documents) {
  std::vector<text::Candidate> candidates(documents.size());
  for (std::size_t i = 0; i < documents.size(); ++i) candidates[i].document.text = documents[i];
  std::vector<std::string> sketches(documents.size());
  const double sketching = seconds_of([&] {
    for (std::size_t i = 0; i < documents.size(); ++i) stage.sketch(candidates[i], sketches[i]);
  });
  const double rest = seconds_of([&] {
    for (std::size_t i = 0; i < documents.size(); ++i) stage.observe({i, std::to_string(i)}, sketches[i]);
    stage.conclude(*comm::make_self_communicator());
  });
  return {sketching, rest};
}

void bench_text(const std::string& path, const std::string& pairs_path) {
  const std::string data = read_file(path);
  const std::vector<std::string> documents = documents_in(data);
  Bench bench{documents, static_cast<double>(data.size())};
  std::uint64_t sum = 0;
  bench.ceiling_seconds = seconds_of([&] {
    const auto* const words = reinterpret_cast<const std::uint64_t*>(data.data());
    for (std::size_t i = 0; i < data.size() / sizeof *words; ++i) sum += words[i];
  });
  fold_table();
  NearDuplicates near({});
  const auto [near_sketch, near_rest] = run(near, documents);
  bench.print("near: signatures", near_sketch, {{"checksum", sum}});
  std::string pairs;
  std::size_t n_near = 0;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const auto rejection = near.judge(i);
    n_near += rejection ? 1 : 0;
    if (rejection) pairs += std::to_string(i) + " " + rejection->detail + "\n";
  }
  bench.print("near: all", near_sketch + near_rest, {{"found", n_near}});
  if (!pairs_path.empty()) write_file(pairs_path, pairs);
  RepeatedPassages repeated({});
  const auto [repeated_sketch, repeated_rest] = run(repeated, documents);
  std::vector<text::Range> cuts;
  const double cutting = seconds_of([&] {
    for (std::size_t i = 0; i < documents.size(); ++i) repeated.cut(i, documents[i], cuts);
  });
  bench.print("repeated passages: sketches", repeated_sketch);
  bench.print("repeated passages: all", repeated_sketch + repeated_rest + cutting, {{"cuts", cuts.size()}});
}

void bench_suite(const std::string& suite_path, const std::string& path) {
  const std::string data = read_file(path);
  const std::vector<std::string> documents = documents_in(data);
  const SuiteIndex index({.paths = {suite_path}});
  std::vector<SuiteIndex::Hit> hits;
  const double seconds = seconds_of([&] {
    for (const std::string& document : documents) index.find(document, hits);
  });
  const Json line{{"bench", "decontamination"},
                  {"work", {{"bytes", data.size()}, {"ngrams", index.n_ngrams()}}},
                  {"hits", hits.size()},
                  {"seconds", seconds},
                  {"rate", static_cast<double>(data.size()) / seconds},
                  {"unit", "bytes/s of processor time, one thread"}};
  std::printf("%s\n", dump_json(line).c_str());
}

void bench_rows(std::uint64_t n) {
  NearDuplicates stage({});
  const double before = own_bytes();
  const double observing = seconds_of([&] {
    std::string sketch(n_permutations + sizeof(std::uint32_t), '\0');
    for (std::uint64_t row = 0; row < n; ++row) {
      const std::uint64_t original = row % 10 == 9 ? row - 5 : row;
      for (std::size_t i = 0; i < n_permutations; ++i) {
        const bool changed = original != row && i % 16 == 0;
        sketch[i] = static_cast<char>(mix64((changed ? row : original) * n_permutations + i));
      }
      stage.observe({row, "0123456789abcdef0123456789abcdef"}, sketch);
    }
  });
  const double concluding = seconds_of([&] { stage.conclude(*comm::make_self_communicator()); });
  std::uint64_t n_found = 0;
  for (std::uint64_t row = 0; row < n; ++row) n_found += stage.judge(row) ? 1 : 0;
  const Json line{{"bench", "near: made-up rows"},
                  {"rows", n},
                  {"found", n_found},
                  {"observe_seconds", observing},
                  {"conclude_seconds", concluding},
                  {"own_bytes_per_row", (own_bytes() - before) / static_cast<double>(n)}};
  std::printf("%s\n", dump_json(line).c_str());
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 2 && arguments[0] == "--rows") {
    hearth::bench_rows(std::stoull(arguments[1]));
  } else if (arguments.size() == 3 && arguments[0] == "--suite") {
    hearth::bench_suite(arguments[1], arguments[2]);
  } else if (arguments.size() == 1 || arguments.size() == 2) {
    hearth::bench_text(arguments[0], arguments.size() == 2 ? arguments[1] : "");
  } else {
    std::fprintf(stderr, "usage: bench_dedup TEXT [PAIRS] | --suite SUITE TEXT | --rows N\n");
    return 64;
  }
  return 0;
}
