// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>

#include "formats/documents.h"
#include "lib/base/json_value.h"
#include "lib/base/signals.h"
#include "lib/tools/shard.h"

namespace hearth::tools::shard {
namespace {

Json json_of(const formats::Document& document) {
  return {{"id", document.id},
          {"source", document.source},
          {"type", document.type},
          {"language", document.language},
          {"license", document.license},
          {"split", std::string(name_of(document.split))},
          {"attributes", parse_json(document.attributes, document.source)},
          {"text", document.text}};
}

Json json_of(const formats::RejectedDocument& rejected) {
  const formats::Document& document = rejected.document;
  return {{"id", document.id},
          {"source", document.source},
          {"type", document.type},
          {"language", document.language},
          {"license", document.license},
          {"reason", rejected.reason},
          {"detail", rejected.detail},
          {"attributes", parse_json(document.attributes.empty() ? "{}" : document.attributes, document.source)},
          {"text", document.text}};
}

void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
    throw Error(Kind::io, system_error("cannot write to standard output", errno).what());
  }
}

// Prints lines(block) of all blocks in order, a few made at once; stops at the limit.
template <class Lines>
void print_blocks(std::uint64_t n_blocks, std::uint64_t limit, Context& context, Lines lines) {
  const auto at_once = static_cast<std::uint64_t>(context.pool.n_threads());
  std::uint64_t n_printed = 0;
  for (std::uint64_t begin = 0; begin < n_blocks && !stop_requested(); begin += at_once) {
    const std::uint64_t count = std::min(at_once, n_blocks - begin);
    std::vector<std::vector<std::string>> printed(count);
    context.pool.for_each(static_cast<std::int64_t>(count), [&](std::int64_t i, int) {
      printed[static_cast<std::size_t>(i)] = lines(begin + static_cast<std::uint64_t>(i));
    });
    for (const auto& block : printed) {
      for (const std::string& line : block) {
        if (limit > 0 && n_printed == limit) return;
        print(line);
        ++n_printed;
      }
    }
  }
}

constexpr int exit_stopped = 128 + 15;  // by a signal, as a shell reports an end by TERM: what was printed is not all

}  // namespace

int run_cat(const CatOptions& options, Context& context) {
  if (options.rejected && options.split != "all") {
    throw Error(Kind::usage, "--rejected and --split exclude each other: what was rejected is in no split");
  }
  const formats::DocumentsReader reader(options.input);
  if (options.stats) {
    print(dump_json(reader.statistics(), 2) + "\n");
    return 0;
  }
  if (options.rejected) {
    print_blocks(reader.n_rejected_blocks(), options.limit, context, [&](std::uint64_t block) {
      std::vector<std::string> lines;
      for (const auto& rejected : reader.read_rejected_block(block))
        lines.push_back(dump_json(json_of(rejected)) + "\n");
      return lines;
    });
    return stop_requested() ? exit_stopped : 0;
  }
  print_blocks(reader.n_blocks(), options.limit, context, [&](std::uint64_t block) {
    std::vector<std::string> lines;
    for (const auto& document : reader.read_block(block)) {
      if (options.split == "all" || options.split == name_of(document.split))
        lines.push_back(dump_json(json_of(document)) + "\n");
    }
    return lines;
  });
  return stop_requested() ? exit_stopped : 0;
}

}  // namespace hearth::tools::shard
