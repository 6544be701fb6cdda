// SPDX-License-Identifier: Apache-2.0
// Encodes a file on one core, a document of some 10 kB at a time, and prints the rate as JSON: of the first pass, when
// no piece has been met before, and with the best processor time of each document over all passes (a busy machine
// disturbs some).
//   bench_tokenize [--fresh] TOKENIZER TEXT [PASSES [IDS]]
// --fresh: every pass is a first one, by a tokenizer that has met no piece: the rate of a text that is read once.
// Into IDS go the ids (u32) that tokenize_peer.py compares.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/machine.h"
#include "lib/text/tokenizer/tokenizer.h"

namespace {

using namespace hearth;

constexpr std::size_t document_bytes = 10'000;  // Hugging Face's library slows down on longer ones

// Of this thread: what other programs on the machine take is not counted.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Cut after the first newline beyond document_bytes.
std::vector<std::string_view> documents_in(std::string_view text) {
  std::vector<std::string_view> documents;
  while (!text.empty()) {
    const std::size_t line_end = text.find('\n', std::min(document_bytes, text.size()));
    const std::size_t n = line_end == std::string_view::npos ? text.size() : line_end + 1;
    documents.push_back(text.substr(0, n));
    text.remove_prefix(n);
  }
  return documents;
}

// The plainest form of the work: what reading the text and writing it elsewhere costs.
double copy_seconds(std::string_view text) {
  std::vector<char> copy(text.size());
  double best = 1e30;
  for (int pass = 0; pass < 3; ++pass) {
    const Stopwatch watch;
    std::memcpy(copy.data(), text.data(), text.size());
    best = std::min(best, watch.seconds());
  }
  return best;
}

int bench(std::vector<std::string> arguments) {
  const bool fresh = !arguments.empty() && arguments[0] == "--fresh";
  if (fresh) arguments.erase(arguments.begin());
  if (arguments.size() < 2) throw Error(Kind::usage, "bench_tokenize [--fresh] TOKENIZER TEXT [PASSES [IDS]]");
  text::Tokenizer tokenizer = text::Tokenizer::load(arguments[0]);
  const std::string text = read_file(arguments[1]);
  const int passes = arguments.size() > 2 ? std::atoi(arguments[2].c_str()) : 5;
  const std::vector<std::string_view> documents = documents_in(text);
  std::vector<double> best(documents.size(), 1e30);
  std::vector<std::uint32_t> all, ids;
  double first_s = 0;
  for (int pass = 0; pass < passes; ++pass) {
    if (fresh && pass > 0) tokenizer = text::Tokenizer::load(arguments[0]);
    for (std::size_t i = 0; i < documents.size(); ++i) {
      ids.clear();
      const double start = cpu_seconds();
      tokenizer.encode(documents[i], ids);
      const double seconds = cpu_seconds() - start;
      best[i] = std::min(best[i], seconds);
      if (pass > 0) continue;
      first_s += seconds;
      all.insert(all.end(), ids.begin(), ids.end());
    }
  }
  double best_s = 0;
  for (const double seconds : best) best_s += seconds;
  if (arguments.size() > 3)
    write_file(arguments[3], {reinterpret_cast<const char*>(all.data()), all.size() * sizeof all[0]});
  const double megabytes = static_cast<double>(text.size()) / 1e6, ceiling = megabytes / copy_seconds(text);
  std::printf(
      "{\"bench\": \"tokenize%s\", \"input\": \"%s\", \"pretokenizer\": \"%s\", \"work\": %.3f, \"unit\": \"MB\", "
      "\"tokens\": %zu, "
      "\"passes\": %d, \"seconds\": %.4f, \"rate\": %.1f, \"first_pass_rate\": %.1f, \"ceiling\": %.0f, \"ratio\": "
      "%.4f, "
      "\"machine\": \"%s\"}\n",
      fresh ? ", each pass a first one" : "", arguments[1].c_str(), std::string(tokenizer.pretokenizer()).c_str(),
      megabytes, all.size(), passes, best_s, megabytes / best_s, megabytes / first_s, ceiling,
      megabytes / best_s / ceiling, this_machine().cpu.c_str());
  return tokenizer.decode(all) == text ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return bench({argv + 1, argv + argc});
  } catch (const hearth::Error& error) {
    std::fprintf(stderr, "bench_tokenize: %s\n", error.what());
    return error.exit_code();
  }
}
