// SPDX-License-Identifier: Apache-2.0
// Common lines against a plain count over all documents, and what is protected.
#include "lib/text/boilerplate/common_lines.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/base/rng.h"
#include "tests/support/catch.h"

namespace hearth::text::boilerplate {
namespace {

struct Text {
  std::string source, text, type = "text";
};

std::vector<std::string> left_of(const std::vector<Text>& texts, const CommonLineOptions& options,
                                 std::uint64_t n_references = 0) {
  CommonLines stage(options);
  for (std::size_t row = 0; row < texts.size(); ++row) {
    Candidate candidate;
    candidate.document.text = texts[row].text;
    candidate.document.source = texts[row].source;
    candidate.document.type = texts[row].type;
    std::string sketch;
    stage.sketch(candidate, sketch);
    stage.observe({row, "id", row < n_references}, sketch);
  }
  stage.conclude(*comm::make_self_communicator());
  std::vector<std::string> left;
  for (std::size_t row = 0; row < texts.size(); ++row) {
    std::vector<Range> ranges;
    stage.cut(row, texts[row].text, ranges);
    std::string text;
    std::uint64_t at = 0;
    for (const Range& range : ranges) {
      text += texts[row].text.substr(at, range.begin - at);
      at = range.end;
    }
    left.push_back(text + texts[row].text.substr(at));
  }
  return left;
}

const std::string banner = "We use cookies on this site.";

}  // namespace

TEST_CASE("The source of a document is its input and the folder below, its archive, its file of records") {
  CHECK(source_of("docs/site/a/b.html") == "docs/site");
  CHECK(source_of("docs/b.html") == "docs");
  CHECK(source_of("b.html") == "b.html");
  CHECK(source_of("x/y/z.tar!/a/b.html") == "x/y/z.tar");
  CHECK(source_of("in/crawl.jsonl#12") == "in/crawl.jsonl");
}

TEST_CASE("A line goes where enough documents of its source share it, and nowhere else") {
  std::vector<Text> texts;
  for (int i = 0; i < 10; ++i) {
    const std::string own = "Page number " + std::to_string(i) + " says a thing of its own.\n";
    texts.push_back({"in/a/" + std::to_string(i), "  " + banner + "\n" + own});
    texts.push_back({"in/b/" + std::to_string(i), (i < 2 ? banner + "\n" : "") + own});
  }
  CommonLineOptions options{.least_documents = 3};
  std::vector<std::string> left = left_of(texts, options);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    CHECK((left[i].find(banner) != std::string::npos) == (i == 1 || i == 3));
    CHECK(left[i].find("of its own.") != std::string::npos);
  }
  options.least_documents = 11;
  CHECK(left_of(texts, options)[0] == texts[0].text);
  options = {.least_documents = 2, .least_share = 0.3};
  CHECK(left_of(texts, options)[1] == texts[1].text);
  options.least_share = 0.2;
  CHECK(left_of(texts, options)[1] != texts[1].text);
  CHECK(left_of(texts, {.least_documents = 3}, 2)[0] == texts[0].text);  // of --against: counted, not cut
  CHECK(left_of(texts, {.least_documents = 3, .tag = true})[0] == texts[0].text);
}

TEST_CASE("Code, headings, fenced blocks and short lines are never common") {
  const std::string heading = "## See also the other pages\n", fenced = "```\nmake install all of it\n```\n",
                    brief = "See also.\n", rule = "--------------------------------\n";
  std::vector<Text> texts;
  for (int i = 0; i < 20; ++i) texts.push_back({"in/a/x", heading + fenced + brief + rule + banner + "\n"});
  texts.push_back({"in/a/y", banner, "code"});
  const auto left = left_of(texts, {.least_documents = 2});
  CHECK(left[0] == heading + fenced + brief + rule);
  CHECK(left.back() == banner);
}

TEST_CASE("Common lines are those that counting all lines finds, whatever the memory") {
  Rng rng(5);
  std::vector<Text> texts;
  for (int i = 0; i < 300; ++i) {
    std::string text;
    for (int k = 0; k < 12; ++k)
      text += "This is the line numbered " + std::to_string(rng.below(1 + rng.below(400))) + ".\n";
    texts.push_back({"in/s" + std::to_string(rng.below(3)) + "/x", text});
  }
  std::map<std::pair<std::string, std::string>, std::set<std::size_t>> holders;
  std::map<std::string, double> n_documents;
  const auto lines_of = [](const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
      lines.push_back(text.substr(at, text.find('\n', at) - at));
    return lines;
  };
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string source(source_of(texts[i].source));
    ++n_documents[source];
    for (const std::string& line : lines_of(texts[i].text)) holders[{source, line}].insert(i);
  }
  CommonLineOptions options{.least_documents = 5, .least_share = 0.1};
  options.memory_bytes = 1 << 10;
  const auto left = left_of(texts, options);
  bool any_cut = false, any_kept = false;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string source(source_of(texts[i].source));
    std::string wanted;
    for (const std::string& line : lines_of(texts[i].text)) {
      const auto n = static_cast<double>(holders[{source, line}].size());
      const bool common = n >= 5 && n >= 0.1 * n_documents[source];
      (common ? any_cut : any_kept) = true;
      if (!common) wanted += line + "\n";
    }
    CHECK(left[i] == wanted);
  }
  CHECK(any_cut);
  CHECK(any_kept);
}

}  // namespace hearth::text::boilerplate
