// SPDX-License-Identifier: Apache-2.0
// The corpus stages over many ranks say of every document what they say on one, word for word; and components of a
// graph whose edges are spread.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/rng.h"
#include "lib/base/signals.h"
#include "lib/text/boilerplate/common_lines.h"
#include "lib/text/dedup/components.h"
#include "lib/text/dedup/exact.h"
#include "lib/text/dedup/near.h"
#include "lib/text/dedup/repeated.h"
#include "lib/text/identity.h"
#include "tests/lib/comm/thread_transport.h"
#include "tests/support/catch.h"

namespace hearth::text::dedup {
namespace {

struct Text {
  std::string id, source, text;
  bool reference = false;
};

std::string words(Rng& rng, int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += "w" + std::to_string(rng.below(5000)) + (i % 12 == 11 ? "\n" : " ");
  return text;
}

// References and documents that are equal, alike, share passages and share lines, far apart from each other.
std::vector<Text> make_texts() {
  Rng rng(11);
  std::vector<std::string> bases, passages;
  for (int i = 0; i < 40; ++i) bases.push_back(words(rng, 120));
  for (int i = 0; i < 10; ++i) passages.push_back(words(rng, 70));
  std::vector<Text> texts;
  for (std::uint64_t i = 0; i < 600; ++i) {
    Text text;
    text.reference = i < 60;
    text.source = "in/folder" + std::to_string(i % 5) + "/" + std::to_string(i);
    const std::uint64_t kind = rng.below(6);
    text.text = kind < 3 ? bases[rng.below(bases.size())] : words(rng, 90);
    if (kind == 1) text.text += words(rng, 3 + static_cast<int>(rng.below(20)));
    if (kind == 4) text.text += "\n" + passages[rng.below(passages.size())] + "\n" + words(rng, 30);
    if (i % 5 < 2) text.text += "\nShown at the end of every page of the site\n";
    text.id = i % 7 == 0 ? "own-" + std::to_string(i) : document_id(hash_path(text.source), hash_text(text.text));
    texts.push_back(std::move(text));
  }
  return texts;
}

std::unique_ptr<CorpusStage> make_stage(const std::string& name, std::uint64_t memory) {
  if (name == "exact") return std::make_unique<ExactDuplicates>(memory);
  if (name == "near" || name == "longest") {
    NearOptions options;
    options.memory_bytes = memory;
    options.keep = name == "longest" ? Keep::longest : Keep::first;
    options.action = name == "longest" ? NearAction::tag : NearAction::reject;
    return std::make_unique<NearDuplicates>(options);
  }
  if (name == "repeated") {
    RepeatedOptions options;
    options.memory_bytes = memory;
    return std::make_unique<RepeatedPassages>(options);
  }
  boilerplate::CommonLineOptions options;
  options.memory_bytes = memory;
  return std::make_unique<boilerplate::CommonLines>(options);
}

// What the stage says of each text, when references and documents are spread over ranks in pieces of uneven length.
std::map<std::uint64_t, std::string> said(const std::string& name, const std::vector<Text>& texts, int n_ranks,
                                          std::uint64_t memory) {
  const auto n_references = static_cast<std::uint64_t>(
      std::count_if(texts.begin(), texts.end(), [](const Text& text) { return text.reference; }));
  std::map<std::uint64_t, std::string> all;
  std::string findings;
  std::mutex mutex;
  comm::with_thread_ranks(n_ranks, [&](std::unique_ptr<comm::Communicator> world) {
    const auto stage = make_stage(name, memory);
    const auto piece = [&](std::uint64_t n, int rank) {  // more of them to later ranks, none to the first of many
      const auto r = static_cast<std::uint64_t>(rank), size = static_cast<std::uint64_t>(n_ranks);
      return size == 1 ? n * r : n * r * (r > 0 ? r - 1 : 0) / (size * (size - 1));
    };
    std::vector<std::uint64_t> rows;
    const int rank = world->rank();
    for (std::uint64_t i = piece(n_references, rank); i < piece(n_references, rank + 1); ++i) rows.push_back(i);
    const std::uint64_t n_others = texts.size() - n_references;
    for (std::uint64_t i = piece(n_others, rank); i < piece(n_others, rank + 1); ++i) rows.push_back(n_references + i);
    for (const std::uint64_t row : rows) {
      Candidate candidate;
      candidate.document.text = texts[row].text;
      candidate.document.source = texts[row].source;
      candidate.text_hash = hash_text(texts[row].text);
      std::string sketch;
      stage->sketch(candidate, sketch);
      const formats::Split split = row % 2 == 0 ? formats::Split::test : formats::Split::train;
      stage->observe({row, texts[row].id, texts[row].reference, candidate.text_hash, split}, sketch);
    }
    stage->conclude(*world);
    const std::lock_guard lock(mutex);
    for (const std::uint64_t row : rows) {
      std::string& text = all[row];
      if (const auto rejection = stage->judge(row)) text += rejection->reason + " " + rejection->detail;
      if (const auto group = stage->group_of(row)) {
        text += " group " + std::to_string(group->first) + " " + group->text_hash.hex();
        if (group->split) text += std::string(name_of(*group->split));
      }
      std::vector<Range> ranges;
      stage->cut(row, texts[row].text, ranges);
      for (const Range& range : ranges) text += " " + std::to_string(range.begin) + "-" + std::to_string(range.end);
      formats::Document document;
      stage->annotate(row, document);
      text += document.attributes;
    }
    if (!findings.empty() && findings != stage->findings_json()) throw Error(Kind::internal, "ranks found otherwise");
    findings = stage->findings_json();
  });
  all[texts.size()] = findings;
  return all;
}

}  // namespace

TEST_CASE("stages say the same of every document on any number of ranks") {
  const std::vector<Text> texts = make_texts();
  for (const std::string name : {"exact", "near", "longest", "repeated", "lines"}) {
    const auto one = said(name, texts, 1, 1u << 30);
    CHECK(said(name, texts, 1, 0) == one);
    CHECK(one.size() == texts.size() + 1);
    const auto n_said = std::count_if(one.begin(), one.end(), [](const auto& each) { return each.second != "{}"; });
    CHECK(n_said > 50);  // there is something to find
    for (const auto& [n_ranks, little] :
         std::vector<std::pair<int, std::uint64_t>>{{2, 4'000}, {3, 100'000}, {7, 300'000}}) {
      for (const std::uint64_t memory : {std::uint64_t{1} << 30, little}) {
        const auto many = said(name, texts, n_ranks, memory);
        std::string difference;
        for (const auto& [row, text] : one) {
          if (difference.empty() && many.at(row) != text)
            difference = name + " over " + std::to_string(n_ranks) + " ranks, row " + std::to_string(row) + ": " +
                         many.at(row) + " in place of " + text;
        }
        CHECK(difference == "");
      }
    }
  }
}

TEST_CASE("asked to stop, stages do not conclude: all ranks leave with the same error") {
  const std::vector<Text> texts = make_texts();
  for (const std::string name : {"exact", "near", "repeated", "lines"}) {
    for (const int n_ranks : {1, 3}) {
      const pid_t child = ::fork();  // the request cannot be taken back
      if (child == 0) {
        try {
          request_stop();
          said(name, texts, n_ranks, 100'000);
        } catch (const Error& error) {
          ::_exit(error.exit_code());
        }
        ::_exit(0);
      }
      int status = -1;
      REQUIRE(::waitpid(child, &status, 0) == child);
      INFO(name << " on " << n_ranks);
      CHECK((WIFEXITED(status) && WEXITSTATUS(status) == static_cast<int>(Kind::stopped)));
    }
  }
}

TEST_CASE("components are joined to their least vertex, whatever their shape and wherever their edges lie") {
  std::vector<Edge> edges;  // a chain of 300 in a shuffled order, a star, a ring, pairs
  for (std::uint64_t i = 0; i + 1 < 300; ++i) edges.push_back({i * 7 % 300, (i + 1) * 7 % 300});
  for (std::uint64_t i = 401; i < 450; ++i) edges.push_back({449, i - 1});
  for (std::uint64_t i = 500; i < 510; ++i) edges.push_back({i, 500 + (i + 1) % 10});
  for (std::uint64_t i = 600; i < 700; i += 2) edges.push_back({i + 1, i});
  std::map<std::uint64_t, std::uint64_t> expected;
  for (std::uint64_t i = 0; i < 300; ++i) expected[i] = 0;
  for (std::uint64_t i = 400; i < 450; ++i) expected[i] = 400;
  for (std::uint64_t i = 500; i < 510; ++i) expected[i] = 500;
  for (std::uint64_t i = 600; i < 700; ++i) expected[i] = i / 2 * 2;
  for (const auto& [n_ranks, memory] :
       std::vector<std::pair<int, std::uint64_t>>{{1, 1u << 30}, {1, 0}, {2, 1u << 30}, {2, 0}, {5, 0}}) {
    std::map<std::uint64_t, std::uint64_t> found;
    std::mutex mutex;
    comm::with_thread_ranks(n_ranks, [&, memory = memory](std::unique_ptr<comm::Communicator> world) {
      const auto rank = static_cast<std::uint64_t>(world->rank()), size = static_cast<std::uint64_t>(n_ranks);
      const comm::Numbering numbering(*world, 0, 700 * (rank + 1) / size - 700 * rank / size);
      Components components(700, memory, {});
      Rng rng(5);
      for (const Edge& edge : edges) {
        if (rng.below(size) == rank) components.join(edge.from, edge.to);
      }
      std::vector<Edge> stars;
      components.for_each_star(*world, numbering, [&](const Edge& edge) { stars.push_back(edge); });
      if (!std::is_sorted(stars.begin(), stars.end())) throw Error(Kind::internal, "stars are not in order");
      const std::lock_guard lock(mutex);
      for (const Edge& edge : stars) {
        if (numbering.holder(edge.from) != world->rank()) throw Error(Kind::internal, "a vertex of another");
        if (!found.emplace(edge.from, edge.to).second) throw Error(Kind::internal, "a vertex twice");
      }
    });
    CHECK(found == expected);
  }
}

}  // namespace hearth::text::dedup
