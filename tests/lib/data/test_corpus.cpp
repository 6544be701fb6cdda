// SPDX-License-Identifier: Apache-2.0
// Tokens files opened together: their shares, and the held-out rows.
#include <filesystem>
#include <map>
#include <string>

#include "formats/tokens.h"
#include "lib/base/error.h"
#include "lib/base/json_value.h"
#include "lib/data/loader.h"
#include "tests/lib/train/scratch.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::data;

namespace {

struct Made {
  int train = 0, validation = 0;  // documents of 50 tokens
  std::string tokenizer = "t";
};

std::string make(const Scratch& scratch, const std::string& name, Made made) {
  const std::string path = (scratch.path() / name).string();
  formats::TokensHeader header;
  header.vocab_size = 60;
  header.end_of_text_id = 59;
  header.tokenizer_digest = made.tokenizer;
  header.token_bytes.assign(60, 3);
  formats::TokensWriter writer(path, false, header);
  std::vector<std::uint32_t> ids;
  for (std::uint32_t i = 0; i < 50; ++i) ids.push_back(i);
  for (int d = 0; d < made.train + made.validation; ++d) {
    ids[0] = static_cast<std::uint32_t>(d % 50);  // documents that can be told apart
    writer.add(d < made.train ? formats::Split::train : formats::Split::validation, ids, 150);
  }
  writer.finish(Json::object());
  return path;
}

}  // namespace

TEST_CASE("shares: by size, as given, or what the others leave") {
  const Scratch scratch;
  const std::string a = make(scratch, "a.h5", {30, 5}), b = make(scratch, "b.h5", {10, 5}),
                    held = make(scratch, "held.h5", {0, 5});
  const auto weights = [](const Corpus& corpus) {
    std::vector<double> all;
    for (const Corpus::Source& source : corpus.sources()) all.push_back(source.weight);
    return all;
  };
  CHECK(weights(Corpus({{a, {}}, {b, {}}})) == std::vector<double>{0.75, 0.25});
  CHECK(weights(Corpus({{a, 3.0}, {b, 2.0}})) == std::vector<double>{0.6, 0.4});
  CHECK(weights(Corpus({{a, {}}, {b, 0.5}})) == std::vector<double>{0.5, 0.5});
  CHECK(weights(Corpus({{a, {}}, {b, {}}, {a, 0.6}}))[2] == 0.6);
  CHECK(weights(Corpus({{a, {}}, {held, {}}})) == std::vector<double>{1, 0});
  CHECK_THROWS_WITH(Corpus({{a, {}}, {b, 1.0}}), Catch::Contains("leave nothing"));
  CHECK_THROWS_WITH(Corpus({{held, 0.5}, {a, 0.5}}), Catch::Contains("holds no training tokens to give a weight to"));
  CHECK_THROWS_WITH(Corpus({{held, {}}}), Catch::Contains("holds no training tokens"));
}

TEST_CASE("files of different tokenizers are refused together") {
  const Scratch scratch;
  const std::string a = make(scratch, "a.h5", {5, 5}), b = make(scratch, "b.h5", {5, 5, "other"});
  CHECK_THROWS_WITH(Corpus({{a, {}}, {b, {}}}), Catch::Contains("another tokenizer than"));
}

TEST_CASE("a file that brings held-out text alone is not trained on") {
  const Scratch scratch;
  const Corpus corpus({{make(scratch, "held.h5", {0, 20}), {}}, {make(scratch, "a.h5", {20, 0}), {}}});
  Loader loader(corpus, 32, 1);
  CHECK(loader.epochs().size() == 1);
  CHECK(loader.n_targets() == 20 * 50);
  const Batch batch = loader.assemble(loader.next_rows(4), 4);
  CHECK(batch.n_targets > 0);
  const HeldOut held_out(corpus, 32, 100000, 1);
  CHECK(held_out.assemble(held_out.rows(), static_cast<std::int64_t>(held_out.rows().size())).n_targets == 20 * 50);
}

TEST_CASE("held-out rows: the same set each time, all of it or as much as asked for, bytes counted") {
  const Scratch scratch;
  const Corpus corpus({{make(scratch, "a.h5", {5, 40}), {}}, {make(scratch, "b.h5", {5, 10}), {}}});
  const HeldOut all(corpus, 32, 1 << 20, 7), again(corpus, 32, 1 << 20, 7), some(corpus, 32, 500, 7);
  const auto batch = [](const HeldOut& held_out) {
    return held_out.assemble(held_out.rows(), static_cast<std::int64_t>(held_out.rows().size()));
  };
  CHECK(batch(all).n_targets == 50 * 50);
  CHECK(batch(all).target_bytes == 50 * 50 * 3);
  CHECK(batch(all).tokens == batch(again).tokens);
  CHECK(batch(some).n_targets >= 500);
  CHECK(batch(some).n_targets < 500 + 2 * 32);
}

namespace {

// A file of documents from three sources: 10 of docs, 30 of src, 60 of tickets; each document is its source's number.
std::string make_sources(const Scratch& scratch, const std::string& name) {
  const std::string path = (scratch.path() / name).string();
  formats::TokensHeader header;
  header.vocab_size = 60;
  header.end_of_text_id = 59;
  header.tokenizer_digest = "t";
  header.token_bytes.assign(60, 3);
  formats::TokensWriter writer(path, false, header);
  const struct {
    const char* name;
    std::uint32_t n;
  } sources[] = {{"docs", 10}, {"src", 30}, {"tickets", 60}};
  for (std::uint32_t i = 0; i < 60; ++i) {  // interleaved
    for (std::uint32_t s = 0; s < 3; ++s) {
      if (i < sources[s].n)
        writer.add(formats::Split::train, std::vector<std::uint32_t>(20, s + 1), 60, sources[s].name);
    }
  }
  writer.finish(Json::object());
  return path;
}

std::map<std::string, double> shares(const Corpus& corpus) {
  std::map<std::string, double> all;
  for (const Corpus::Part& part : corpus.parts()) all[part.name] += part.weight;
  return all;
}

}  // namespace

TEST_CASE("sources within a file are weighed by name, the rest by size") {
  const Scratch scratch;
  const std::string path = make_sources(scratch, "mixed.h5");
  CHECK(shares(Corpus({{path, {}}})) == std::map<std::string, double>{{path, 1}});
  const auto named = shares(Corpus({{path, {}}}, {{"docs", 0.5}}));
  CHECK(named.at("docs") == 0.5);
  CHECK(named.at("src") == Approx(0.5 * 30 / 90));
  CHECK(named.at("tickets") == Approx(0.5 * 60 / 90));
  const auto all = shares(Corpus({{path, {}}}, {{"docs", 2}, {"src", 1}, {"tickets", 1}}));
  CHECK(all.at("docs") == 0.5);
  CHECK(all.at("src") == 0.25);
  CHECK_THROWS_WITH(Corpus({{path, {}}}, {{"doc", 0.5}}), Catch::Contains("did you mean 'docs'?"));
  CHECK_THROWS_WITH(Corpus({{path, {}}}, {{"docs", 1}}), Catch::Contains("leave nothing"));
  CHECK_THROWS_WITH(Corpus({{path, 0.5}}, {{"docs", 0.5}}), Catch::Contains("exclude each other"));
  CHECK_THROWS_WITH(Corpus({{make(scratch, "a.h5", {5, 5}), {}}}, {{"docs", 0.5}}),
                    Catch::Contains("does not say where its documents are from"));
}

TEST_CASE("the loader draws each source's documents, in the shares asked for") {
  const Scratch scratch;
  const Corpus corpus({{make_sources(scratch, "mixed.h5"), {}}}, {{"docs", 0.5}, {"src", 0.3}, {"tickets", 0.2}});
  Loader loader(corpus, 20, 1);
  std::map<std::int32_t, int> rows;
  const auto drawn = loader.next_rows(1000);
  const Batch batch = loader.assemble(drawn, 1000);
  for (std::size_t row = 0; row < 1000; ++row) ++rows[batch.targets[row * 20]];
  CHECK(rows[1] == 500);
  CHECK(rows[2] == 300);
  CHECK(rows[3] == 200);
  CHECK(loader.epochs()[0] == 50);  // 10 documents of a row each
  CHECK(loader.n_targets() == 100 * 20);
  // Where it stopped, it goes on; other weights are another run's.
  Loader again(corpus, 20, 1);
  again.restore(loader.state());
  const auto next = loader.next_rows(10), same = again.next_rows(10);
  for (std::size_t i = 0; i < 10; ++i) CHECK(next[i].pieces == same[i].pieces);
}

TEST_CASE("no source is seen more often than allowed; what it leaves goes to the others in proportion") {
  const Scratch scratch;
  const std::string path = make_sources(scratch, "mixed.h5");
  Corpus corpus({{path, {}}}, {{"docs", 0.6}, {"src", 0.3}, {"tickets", 0.1}});
  corpus.cap_epochs(2000, 2);  // docs: at most 400 of 2000 tokens, src 1200, tickets 2400
  auto capped = shares(corpus);
  CHECK(capped.at("docs") == Approx(0.2));
  CHECK(capped.at("src") == Approx(0.6));  // three quarters of the rest
  CHECK(capped.at("tickets") == Approx(0.2));
  Corpus tight({{path, {}}}, {{"docs", 0.6}, {"src", 0.3}, {"tickets", 0.1}});
  tight.cap_epochs(2000, 1);  // every source exactly once
  capped = shares(tight);
  CHECK(capped.at("docs") == Approx(0.1));
  CHECK(capped.at("src") == Approx(0.3));
  CHECK(capped.at("tickets") == Approx(0.6));
  CHECK_THROWS_WITH(tight.cap_epochs(2001, 1), Catch::Contains("the data give"));
}
