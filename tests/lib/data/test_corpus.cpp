// SPDX-License-Identifier: Apache-2.0
// Tokens files opened together: their shares, and the held-out rows.
#include <filesystem>
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
