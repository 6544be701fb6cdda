// SPDX-License-Identifier: Apache-2.0
// bench_shard FOLDER...: how fast documents are read and extracted on one thread, beside the least that could be done
// with the same files: reading them and seeing whether they are UTF-8.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/machine.h"
#include "lib/text/encoding.h"
#include "lib/text/extract.h"
#include "lib/text/file_type.h"
#include "lib/text/identity.h"
#include "lib/tools/shard_read.h"
#include "lib/tools/shard_walk.h"

namespace hearth {
namespace {

constexpr int repetitions = 3;
constexpr std::uint64_t max_bytes = 16u << 20;

struct Work {
  std::uint64_t bytes = 0, n_documents = 0;
};

// Reads every file; what_then sees the bytes of those that can be used.
Work for_each_file(const std::vector<tools::shard::FoundFile>& files,
                   const std::function<void(const std::string&, std::string)>& what_then) {
  Work work;
  for (const auto& file : files) {
    std::string bytes;
    if (file.problem || tools::shard::read_bounded(file, max_bytes, bytes)) continue;
    work.bytes += bytes.size();
    ++work.n_documents;
    what_then(file.path.native(), std::move(bytes));
  }
  return work;
}

void print(const char* name, const Work& work, double seconds, double ceiling_seconds) {
  const auto bytes = static_cast<double>(work.bytes);
  const Json line{{"bench", name},
                  {"work", {{"bytes", work.bytes}, {"documents", work.n_documents}}},
                  {"seconds", seconds},
                  {"rate", bytes / seconds},
                  {"unit", "bytes/s on one thread"},
                  {"ceiling", bytes / ceiling_seconds},
                  {"ratio", ceiling_seconds / seconds},
                  {"repetitions", repetitions},
                  {"machine", this_machine().cpu}};
  std::printf("%s\n", dump_json(line).c_str());
}

int bench(std::vector<std::string> folders) {
  tools::shard::InputWalk walk(std::move(folders), "", "none");
  std::vector<tools::shard::FoundFile> all, pages;
  while (auto file = walk.next()) {
    const auto type = text::file_type(text::plain_file_name(file->path.native()), "").type;
    if (type == text::FileType::html) pages.push_back(*file);
    all.push_back(*std::move(file));
  }
  for (const auto& [name, files] : {std::pair{"shard extract", &all}, {"shard extract html", &pages}}) {
    double least = 1e30, ours = 1e30;
    Work work;
    for (int i = 0; i < repetitions; ++i) {
      Stopwatch watch;
      std::uint64_t n_valid = 0;
      work = for_each_file(
          *files, [&](const std::string&, std::string bytes) { n_valid += text::is_valid_utf8(bytes) ? 1 : 0; });
      least = std::min(least, watch.restart());
      std::uint64_t n_kept = 0;
      for_each_file(*files, [&](const std::string& path, std::string bytes) {
        text::Candidate candidate;
        n_kept += text::extract_file(std::move(bytes), text::plain_file_name(path), candidate) ? 0 : 1;
        candidate.text_hash = text::hash_text(candidate.document.text);
      });
      ours = std::min(ours, watch.seconds());
      if (n_valid + n_kept == 0) return 1;  // and so the work is done
    }
    print(name, work, ours, least);
  }
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') {
    std::puts("Usage: bench_shard FOLDER...");
    return argc < 2 ? 64 : 0;
  }
  try {
    return hearth::bench(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_shard: %s\n", error.what());
    return 70;
  }
}
