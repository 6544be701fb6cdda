// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/decontaminate.h"

#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/rng.h"
#include "lib/text/dedup/passages.h"
#include "tests/support/catch.h"

namespace hearth::text::dedup {
namespace {

// Suites in a folder of their own, gone with the object.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("hearth-test-decontaminate-" + std::to_string(::getpid()))) {
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  std::string write(const std::string& name, const std::string& text) const {
    write_file(path_ / name, text);
    return (path_ / name).string();
  }

 private:
  fs::path path_;
};

constexpr const char* suite =
    R"({"question":"A train leaves the station at noon and travels sixty miles an hour; how far is it by four?","answer":"240"})"
    "\n\n"
    R"({"question":"short","choices":["one two three four five six seven eight nine","no"]})"
    "\n";

Candidate candidate_of(const std::string& text) {
  Candidate candidate;
  candidate.document.text = text;
  return candidate;
}

}  // namespace

TEST_CASE("a document that holds an n-gram of a suite is rejected, and the item named") {
  const Folder folder;
  const Decontaminate stage({.paths = {folder.write("trains.jsonl", suite)}}, ContaminationAction::reject, 20);
  Candidate hit = candidate_of("See: THE STATION at noon, and travels\nsixty miles an hour -- how far is it? 240");
  const auto rejection = stage.decide(hit);
  REQUIRE(rejection);
  CHECK(rejection->reason == "contaminated");
  CHECK(rejection->detail == "trains.jsonl:1: 'THE STATION at noon, and travels\nsixty miles an hour -- how far is'");
  Candidate twelve = candidate_of("the station at noon and travels sixty miles an hour how far, 240");
  CHECK(!stage.decide(twelve));
  Candidate item = candidate_of("They count: one, two, three, four, five, six, seven, eight, nine! short");
  CHECK(stage.decide(item)->detail == "trains.jsonl:3: 'one, two, three, four, five, six, seven, eight, nine'");
  Candidate part = candidate_of("They count: one, two, three, four, five, six, seven, eight.");
  CHECK(!stage.decide(part));
  CHECK(stage.findings_json() == R"({"items":2,"too_short":0,"ngrams":8})");
  REQUIRE(hit.tallies.size() == 1);
  CHECK((hit.tallies[0].stage == "decontaminate" && hit.tallies[0].name == "trains.jsonl:1"));
  CHECK(hit.tallies[0].number == 2);
  CHECK(hit.document.attributes == R"({"contaminated":["trains.jsonl:1"]})");
}

TEST_CASE("passages of a suite are cut or tagged on request") {
  const Folder folder;
  const std::string path = folder.write("trains.jsonl", suite);
  const std::string text =
      "Before.\n\nA train leaves the station at noon and travels sixty miles an hour; how far is it by "
      "four?\n\nBehind.";
  const Decontaminate cut({.paths = {path}}, ContaminationAction::cut, 18);
  Candidate candidate = candidate_of(text);
  CHECK(!cut.decide(candidate));
  CHECK(candidate.document.text == "Before.\n\n?\n\nBehind.");
  CHECK(candidate.document.attributes == R"({"contaminated":["trains.jsonl:1"]})");
  REQUIRE(candidate.counts.size() == 1);
  CHECK(candidate.counts[0] == std::pair<std::string_view, std::uint64_t>{"contaminated-cut", 1});
  CHECK(candidate.tallies[0].number == 7);
  Candidate nothing_else = candidate_of(text.substr(9, 90));
  CHECK(cut.decide(nothing_else)->reason == "contaminated");
  const Decontaminate more({.paths = {path}}, ContaminationAction::cut, 21);
  Candidate too_little = candidate_of(text);
  CHECK(more.decide(too_little)->detail.ends_with("and 19 characters are left without; at least 21 are wanted"));

  const Decontaminate tag({.paths = {path}}, ContaminationAction::tag, 20);
  Candidate tagged = candidate_of(text);
  CHECK(!tag.decide(tagged));
  CHECK(tagged.document.text == text);
  CHECK(tagged.document.attributes == R"({"contaminated":["trains.jsonl:1"]})");
}

TEST_CASE("suites are lines of JSON or text; only named fields when they are named") {
  const Folder folder;
  const std::string json = folder.write("a.jsonl", suite);
  const Decontaminate fields({.paths = {json}, .fields = {"choices"}}, ContaminationAction::reject, 20);
  Candidate question =
      candidate_of("A train leaves the station at noon and travels sixty miles an hour; how far is it by four?");
  CHECK(!fields.decide(question));
  const std::string plain =
      folder.write("b.txt", "x\nA train leaves the station at noon and travels sixty miles an hour\n");
  const Decontaminate lines({.paths = {json, plain}, .fields = {"choices"}}, ContaminationAction::reject, 20);
  CHECK(lines.decide(question)->detail.starts_with("b.txt:2: 'A train leaves"));
}

TEST_CASE("Chinese items take twice as many characters") {
  const Folder folder;
  const std::string item = "一个火车站里有三百六十名旅客正在等候开往北京的列车请问每节车厢要坐多少人";
  const SuiteIndex index({.paths = {folder.write("c.txt", item + "\n")}});
  std::vector<SuiteIndex::Hit> hits;
  index.find("问：" + item.substr(3, 25 * 3) + "。", hits);
  CHECK(hits.empty());
  index.find("问：" + item.substr(3, 26 * 3) + "。", hits);
  REQUIRE(hits.size() == 1);
  CHECK(hits[0].range.begin == 6);
  CHECK(hits[0].range.end == 6 + 26 * 3);
}

TEST_CASE("bad suites are told by file and line") {
  const Folder folder;
  const auto problem = [](const SuiteOptions& options) {
    try {
      SuiteIndex index(options);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  CHECK(problem({.paths = {folder.write("bad.jsonl", "{\"a\":\"b\"}\n{\n")}}).find("bad.jsonl: line 2") !=
        std::string::npos);
  CHECK(problem({.paths = {folder.write("short.jsonl", "{\"a\":\"b\"}\n")}}).find("no item of 8 words") !=
        std::string::npos);
  CHECK(problem({.paths = {folder.write("x.txt", "") + "y"}}).find("x.txty") != std::string::npos);
}

TEST_CASE("hits are those of a set of n-grams, over many texts") {
  const Folder folder;
  Rng rng(1);
  const auto random_words = [&](std::uint64_t n) {
    std::vector<std::string> words(n);
    for (std::string& word : words) word = std::string(1, static_cast<char>('a' + rng.below(3)));
    return words;
  };
  const auto joined = [](const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += word + " ";
    return text;
  };
  constexpr std::size_t n = 6;
  std::set<std::vector<std::string>> ngrams, whole;
  std::string lines;
  for (int i = 0; i < 40; ++i) {
    const auto words = random_words(3 + rng.below(6));
    lines += joined(words) + "\n";
    if (words.size() >= 4 && words.size() < n) whole.insert(words);
    for (std::size_t j = 0; j + n <= words.size(); ++j) {
      ngrams.emplace(words.begin() + static_cast<std::ptrdiff_t>(j),
                     words.begin() + static_cast<std::ptrdiff_t>(j + n));
    }
  }
  const SuiteIndex index({.paths = {folder.write("s.txt", lines)}, .ngram_words = n, .least_words = 4});
  CHECK(index.n_ngrams() == ngrams.size() + whole.size());
  std::size_t n_hits = 0;
  for (int i = 0; i < 300; ++i) {
    const auto words = random_words(rng.below(40));
    std::size_t expected = 0;
    for (std::size_t begin = 0; begin < words.size(); ++begin) {
      for (std::size_t length = 4; length <= n && begin + length <= words.size(); ++length) {
        const std::vector<std::string> gram(words.begin() + static_cast<std::ptrdiff_t>(begin),
                                            words.begin() + static_cast<std::ptrdiff_t>(begin + length));
        expected += (length == n ? ngrams : whole).count(gram);
      }
    }
    std::vector<SuiteIndex::Hit> hits;
    index.find(joined(words), hits);
    if (hits.size() != expected) FAIL(hits.size() << " hits, not " << expected << ": " << joined(words));
    n_hits += hits.size();
  }
  CHECK(n_hits > 100);
}

TEST_CASE("what is left of a text is separated as before") {
  const auto left = [](const std::string& text, const std::string& passage) {
    const std::size_t begin = text.find(passage);
    return without(text, {with_space(text, begin, begin + passage.size())});
  };
  CHECK(left("a X b", "X") == "a b");
  CHECK(left("a\n\nX b", "X") == "a\n\nb");
  CHECK(left("a X\n\nb", "X") == "a\n\nb");
  CHECK(left("X b", "X") == "b");
  CHECK(left("a X\n", "X") == "a");
  CHECK(left("aXb", "X") == "ab");
  CHECK(left("a (X) b", "X") == "a () b");
  CHECK(merged({{5, 7}, {0, 2}, {2, 3}, {6, 6}}).size() == 2);
}

}  // namespace hearth::text::dedup
