// SPDX-License-Identifier: Apache-2.0
// Repeated passages against a slow and obvious search for them: every run of tokens, in order, in a set.
#include "lib/text/dedup/repeated.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/rng.h"
#include "lib/text/dedup/words.h"
#include "tests/support/catch.h"

namespace hearth::text::dedup {
namespace {

using Texts = std::vector<std::string>;

std::vector<std::vector<Range>> cuts_of(const Texts& texts, const RepeatedOptions& options,
                                        std::uint64_t n_references = 0) {
  RepeatedPassages stage(options);
  for (std::size_t row = 0; row < texts.size(); ++row) {
    Candidate candidate;
    candidate.document.text = texts[row];
    std::string sketch;
    stage.sketch(candidate, sketch);
    stage.observe({row, "id", row < n_references}, sketch);
  }
  stage.conclude(*comm::make_self_communicator());
  std::vector<std::vector<Range>> cuts(texts.size());
  for (std::size_t row = 0; row < texts.size(); ++row) stage.cut(row, texts[row], cuts[row]);
  return cuts;
}

std::string without(const std::string& text, const std::vector<Range>& ranges) {
  std::string left;
  std::uint64_t at = 0;
  for (const Range& range : ranges) {
    left += text.substr(at, range.begin - at);
    at = range.end;
  }
  return left + text.substr(at);
}

struct Marked {
  std::vector<std::string> tokens;
  std::vector<bool> goes;
};

// What must go, by the definition in the header.
std::vector<Marked> marked(const Texts& texts, std::size_t n) {
  std::map<std::vector<std::string>, std::pair<std::size_t, std::size_t>> first;
  std::vector<Marked> all;
  for (std::size_t row = 0; row < texts.size(); ++row) {
    Marked& document = all.emplace_back();
    Tokens tokens(texts[row]);
    for (Token token; tokens.next(token);) {
      document.tokens.push_back(texts[row].substr(token.begin, token.end - token.begin));
    }
    document.goes.resize(document.tokens.size());
    for (std::size_t i = 0; i + n <= document.tokens.size(); ++i) {
      const auto begin = document.tokens.begin() + static_cast<std::ptrdiff_t>(i);
      const auto [place, is_new] =
          first.try_emplace({begin, begin + static_cast<std::ptrdiff_t>(n)}, std::pair{row, i});
      const auto [first_row, first_token] = place->second;
      if (is_new || (first_row == row && first_token + n > i)) continue;
      for (std::size_t j = i; j < i + n; ++j) document.goes[j] = true;
    }
  }
  return all;
}

// Compares what is cut with what must go: nothing may be missed, and few tokens go besides, by their hashes.
void check(const Texts& texts, const RepeatedOptions& options, double besides_per_border = 0.02) {
  const auto cuts = cuts_of(texts, options);
  const auto expected = marked(texts, options.least_tokens);
  std::size_t n_missed = 0, n_besides = 0, n_cut = 0, n_borders = 0;
  for (std::size_t row = 0; row < texts.size(); ++row) {
    Tokens tokens(texts[row]);
    std::size_t i = 0;
    for (Token token; tokens.next(token); ++i) {
      const bool cut = std::any_of(cuts[row].begin(), cuts[row].end(), [&](const Range& range) {
        return token.begin >= range.begin && token.end <= range.end;
      });
      const bool goes = expected[row].goes[i];
      n_missed += goes && !cut ? 1u : 0u;
      n_besides += cut && !goes ? 1u : 0u;
      n_cut += cut ? 1u : 0u;
    }
    n_borders += 2 * cuts[row].size();
  }
  CAPTURE(n_cut, n_borders, n_besides);
  CHECK(n_missed == 0);
  CHECK(n_cut > 0);
  CHECK(static_cast<double>(n_besides) <= 10 + besides_per_border * static_cast<double>(n_borders));
}

std::string random_text(Rng& rng, std::size_t n_tokens, std::uint64_t n_words) {
  std::string text;
  for (; n_tokens > 0; --n_tokens) text += std::to_string(rng.below(n_words)) + (rng.below(12) == 0 ? "\n" : " ");
  return text;
}

std::string numbered(const std::string& word, int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += word + std::to_string(i) + (i + 1 < n ? " " : "");
  return text;
}

}  // namespace

TEST_CASE("the first copy of a passage stays, others go at the borders of tokens") {
  const std::string passage = numbered("p", 50);
  const Texts texts{"before one\n\n" + passage + " behind one.", "Something else:\n" + passage + "\n\nThe end.",
                    passage, numbered("p", 49)};
  const auto cuts = cuts_of(texts, {});
  CHECK(cuts[0].empty());
  CHECK(without(texts[1], cuts[1]) == "Something else:\n\nThe end.");
  CHECK(without(texts[2], cuts[2]).empty());
  CHECK(cuts[3].empty());
}

TEST_CASE("a passage repeated within one document stays once") {
  const std::string passage = numbered("p", 60);
  const Texts texts{passage + " x y " + passage + " z", [] {
                      std::string same;
                      for (int i = 0; i < 170; ++i) same += "na ";
                      return same;
                    }()};
  const auto cuts = cuts_of(texts, {});
  CHECK(without(texts[0], cuts[0]) == passage + " x y z");
  Tokens left(texts[1]);
  std::string fifty;
  for (int i = 0; i < 50; ++i) fifty += i == 0 ? "na" : " na";
  CHECK(without(texts[1], cuts[1]) == fifty);
}

TEST_CASE("white space hides no copy, and characters of Chinese are tokens") {
  std::string chinese, wrapped;
  for (int i = 0; i < 60; ++i) {
    append_utf8(chinese, static_cast<char32_t>(0x4e00 + 37 * i));
    append_utf8(wrapped, static_cast<char32_t>(0x4e00 + 37 * i));
    if (i % 20 == 19) wrapped += "\n";
  }
  const Texts texts{chinese + "。", "前言" + wrapped + "後記"};
  const auto cuts = cuts_of(texts, {});
  CHECK(cuts[0].empty());
  CHECK(without(texts[1], cuts[1]) == "前言\n後記");
}

TEST_CASE("documents of another corpus are not cut, but count") {
  const std::string passage = numbered("p", 50);
  const auto cuts = cuts_of({passage, passage + " old", passage + " new"}, {}, 2);
  CHECK(cuts[0].empty());
  CHECK(cuts[1].empty());
  CHECK(cuts[2].size() == 1);
}

TEST_CASE("code is left alone unless asked for") {
  Candidate candidate;
  candidate.document.text = numbered("p", 80);
  candidate.document.type = "code";
  std::string none, some;
  RepeatedPassages({}).sketch(candidate, none);
  CHECK(none.empty());
  RepeatedOptions options;
  options.code = true;
  RepeatedPassages(options).sketch(candidate, some);
  CHECK(some.size() == 80);
}

TEST_CASE("cuts of random texts are those of the obvious search, whatever length and memory") {
  Rng rng(1);
  for (const std::uint32_t n : {10u, 11u, 50u}) {
    for (const std::uint64_t n_words : {std::uint64_t{3}, std::uint64_t{1000}}) {
      Texts texts;
      for (int i = 0; i < 150; ++i) {
        std::string text = random_text(rng, rng.below(120), n_words);
        for (std::uint64_t j = rng.below(4); j > 0 && !texts.empty(); --j) {  // with pieces of those before
          const std::string& other = texts[rng.below(texts.size())];
          const std::size_t begin = rng.below(other.size() + 1);
          text += " " + other.substr(begin, rng.below(other.size() - begin + 1)) + "\n";
        }
        texts.push_back(text + random_text(rng, rng.below(60), n_words));
      }
      RepeatedOptions options;
      options.least_tokens = n;
      const double besides = n_words < 10 ? 0.4 : 0.02;  // of few words, runs that are equal but for one abound
      check(texts, options, besides);
      options.memory_bytes = 1000;
      check(texts, options, besides);
    }
  }
}

TEST_CASE("cuts of real texts are those of the obvious search") {
  Texts texts;
  for (const char* folder : {"formats", "kernels", "lib", "tests/bench", "cmake"}) {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(HEARTH_SOURCE_DIR) / folder)) {
      if (entry.is_regular_file() && entry.file_size() < 60'000) paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    for (const fs::path& path : paths) {
      texts.push_back(read_file(path));
      if (!is_valid_utf8(texts.back())) texts.pop_back();
    }
  }
  RepeatedOptions options;
  options.least_tokens = 12;
  check(texts, options, 0.04);  // texts that are alike differ by one token more often than random ones
}

}  // namespace hearth::text::dedup
