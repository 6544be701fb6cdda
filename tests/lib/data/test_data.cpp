// SPDX-License-Identifier: Apache-2.0
// The order of training data: every token once an epoch, resumable at any row, shares as asked for.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "lib/base/error.h"
#include "lib/base/json_value.h"
#include "lib/base/rng.h"
#include "lib/data/loader.h"
#include "lib/data/permutation.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::data;

namespace {

// A split in memory: document d has lengths[d] tokens; the id at position p is p modulo the vocabulary.
struct FakeSplit {
  std::vector<std::uint16_t> ids;
  std::vector<std::uint64_t> offsets{0};
  formats::TokensSplit split;
  formats::TokensHeader header;

  explicit FakeSplit(const std::vector<std::uint64_t>& lengths, std::int64_t end_of_text = 999) {
    for (const std::uint64_t length : lengths) offsets.push_back(offsets.back() + length);
    for (std::uint64_t p = 0; p < offsets.back(); ++p) ids.push_back(static_cast<std::uint16_t>(p % 900));
    split.ids16 = ids;
    split.document_offsets = offsets;
    header.vocab_size = 1000;
    header.end_of_text_id = end_of_text;
    header.token_bytes.assign(1000, 2);
    header.token_bytes[999] = 0;
  }
  FakeSplit(const FakeSplit&) = delete;
  SourceView view() const { return {&split, &header, {}}; }
};

std::vector<std::uint64_t> varied_lengths(std::size_t n, std::uint64_t longest, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::uint64_t> lengths;
  for (std::size_t i = 0; i < n; ++i) lengths.push_back(rng.below(i % 7 == 0 ? longest * 20 : longest));
  return lengths;
}

std::vector<Row> rows_of_epoch(SourceStream& stream, std::uint64_t epoch) {
  std::vector<Row> rows;
  while (stream.cursor().epoch == epoch) rows.push_back(stream.next());
  return rows;
}

std::vector<Piece> sorted_pieces(const std::vector<Row>& rows) {
  std::vector<Piece> pieces;
  for (const Row& row : rows) pieces.insert(pieces.end(), row.pieces.begin(), row.pieces.end());
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.begin < b.begin; });
  return pieces;
}

}  // namespace

TEST_CASE("a permutation hits every index once and depends on its key") {
  for (const std::uint64_t n : {1u, 2u, 3u, 4u, 5u, 17u, 64u, 1000u, 4097u}) {
    const Permutation first(n, 7), second(n, 8);
    std::set<std::uint64_t> seen;
    std::uint64_t equal = 0;
    for (std::uint64_t i = 0; i < n; ++i) {
      CHECK(first(i) < n);
      seen.insert(first(i));
      equal += first(i) == second(i) ? 1 : 0;
    }
    CHECK(seen.size() == n);
    if (n >= 64) CHECK(equal < n / 8);
  }
}

TEST_CASE("neighbours in the corpus are far apart after the shuffle") {
  const std::uint64_t n = 10000;
  const Permutation order(n, 3);
  double distance = 0;
  for (std::uint64_t i = 0; i + 1 < n; ++i) {
    distance += std::abs(static_cast<double>(order(i)) - static_cast<double>(order(i + 1)));
  }
  CHECK(distance / n / n == Approx(1.0 / 3).margin(0.02));  // as for independent uniform numbers
}

TEST_CASE("an epoch holds every target exactly once, whatever the documents' lengths") {
  const std::uint32_t context = GENERATE(1u, 7u, 64u, 1000u);
  const std::int64_t end_of_text = GENERATE(-1, 999);
  const FakeSplit data(varied_lengths(300, 90, 5), end_of_text);
  SourceStream stream(data.view(), context, 42);
  for (std::uint64_t epoch = 0; epoch < 2; ++epoch) {
    const std::vector<Row> rows = rows_of_epoch(stream, epoch);
    std::vector<int> times(data.ids.size(), 0);
    for (const Row& row : rows) {
      CHECK(row.n_tokens() <= context);
      for (const Piece& piece : row.pieces) {
        for (std::uint64_t i = 0; i < piece.n_tokens; ++i) ++times[piece.begin + i];
      }
    }
    // Without a start token the first token of a document is not predicted.
    std::vector<int> expected(data.ids.size(), 1);
    std::uint64_t n_targets = 0;
    for (std::size_t d = 0; d + 1 < data.offsets.size(); ++d) {
      if (end_of_text < 0 && data.offsets[d] < data.offsets[d + 1]) expected[data.offsets[d]] = 0;
    }
    for (const int e : expected) n_targets += static_cast<std::uint64_t>(e);
    CHECK(times == expected);
    CHECK(stream.n_targets() == n_targets);
  }
}

TEST_CASE("a piece never reaches over a document's border, and short documents stay whole") {
  const FakeSplit data(varied_lengths(500, 60, 9));
  SourceStream stream(data.view(), 64, 1);
  std::map<std::uint64_t, int> pieces_of;
  for (const Piece& piece : sorted_pieces(rows_of_epoch(stream, 0))) {
    const auto after = std::upper_bound(data.offsets.begin(), data.offsets.end(), piece.begin);
    CHECK(piece.begin + piece.n_tokens <= *after);
    CHECK(piece.starts_document == (piece.begin == *(after - 1)));
    ++pieces_of[*(after - 1)];
  }
  for (std::size_t d = 0; d + 1 < data.offsets.size(); ++d) {
    const std::uint64_t length = data.offsets[d + 1] - data.offsets[d];
    if (length > 0) CHECK(pieces_of[data.offsets[d]] == static_cast<int>((length + 63) / 64));
  }
}

TEST_CASE("rows are nearly full") {
  const std::uint32_t context = 256;
  std::vector<std::uint64_t> lengths;
  SECTION("short and long documents: best fit") {
    lengths = varied_lengths(3000, 400, 4);
  }
  SECTION("sizes that do not fit together: concatenated and split") {
    lengths.assign(2000, 150);
  }
  const FakeSplit data(lengths);
  SourceStream stream(data.view(), context, 42);
  const std::vector<Row> rows = rows_of_epoch(stream, 0);
  const double used = static_cast<double>(data.ids.size()) / static_cast<double>(rows.size() * context);
  CHECK(used > 0.99);
}

TEST_CASE("epochs differ in order and in where long documents are cut; seeds differ; equal seeds agree") {
  const FakeSplit data({1000, 30, 50, 777, 64, 20, 3000});
  SourceStream stream(data.view(), 64, 5), again(data.view(), 64, 5), other(data.view(), 64, 6);
  const auto first = rows_of_epoch(stream, 0), second = rows_of_epoch(stream, 1);
  CHECK(sorted_pieces(first) != sorted_pieces(second));
  const auto first_again = rows_of_epoch(again, 0), first_other = rows_of_epoch(other, 0);
  bool same = first.size() == first_again.size(), same_as_other = first.size() == first_other.size();
  for (std::size_t i = 0; i < first.size(); ++i) {
    same = same && first[i].pieces == first_again[i].pieces;
    same_as_other = same_as_other && first[i].pieces == first_other[i].pieces;
  }
  CHECK(same);
  CHECK_FALSE(same_as_other);
}

TEST_CASE("a loader restored from its state goes on with the same rows") {
  const FakeSplit a(varied_lengths(40, 80, 1)), b(varied_lengths(9, 200, 2));
  const auto make = [&] { return Loader({{a.view(), 0.7, "a"}, {b.view(), 0.3, "b"}}, 32, 11); };
  Loader unbroken = make();
  for (int n_before = 0; n_before < 1500; n_before += 239) {  // over several epochs of both
    Loader resumed = make();
    resumed.restore(parse_json(dump_json(unbroken.state()), "state"));
    CHECK(resumed.state() == unbroken.state());
    const std::vector<Row> expected = unbroken.next_rows(239), rows = resumed.next_rows(239);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      REQUIRE(rows[i].source == expected[i].source);
      REQUIRE(rows[i].pieces == expected[i].pieces);
    }
  }
  CHECK(unbroken.epochs()[1] > 1);
  Loader wrong({{b.view(), 0.7, "b"}, {a.view(), 0.3, "a"}}, 32, 11);
  CHECK_THROWS_WITH(wrong.restore(unbroken.state()), Catch::Contains("data file 1 is not the one"));
  Loader narrow({{a.view(), 0.7, "a"}, {b.view(), 0.3, "b"}}, 16, 11);
  CHECK_THROWS_AS(narrow.restore(unbroken.state()), Error);
}

TEST_CASE("rows in steps of any size are the same sequence") {
  const FakeSplit a(varied_lengths(200, 80, 1)), b(varied_lengths(90, 200, 2));
  Loader whole({{a.view(), 0.7, "a"}, {b.view(), 0.3, "b"}}, 32, 11);
  Loader pieces({{a.view(), 0.7, "a"}, {b.view(), 0.3, "b"}}, 32, 11);
  const std::vector<Row> expected = whole.next_rows(60);
  std::vector<Row> rows;
  for (const int n : {1, 2, 3, 4, 50}) {
    for (Row& row : pieces.next_rows(n)) rows.push_back(std::move(row));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) CHECK(rows[i].pieces == expected[i].pieces);
}

TEST_CASE("each source has its share of rows at any time") {
  const FakeSplit a(varied_lengths(50, 80, 1)), b(varied_lengths(50, 80, 2)), c(varied_lengths(50, 80, 3));
  Loader loader({{a.view(), 5, "a"}, {b.view(), 3, "b"}, {c.view(), 2, "c"}}, 32, 11);
  const double weights[] = {0.5, 0.3, 0.2};
  std::vector<int> taken(3, 0);
  for (int n = 1; n <= 200; ++n) {
    ++taken[static_cast<std::size_t>(loader.next_rows(1)[0].source)];
    for (std::size_t s = 0; s < 3; ++s) CHECK(std::abs(taken[s] - weights[s] * n) <= 1.0);
  }
}

TEST_CASE("a batch: inputs, targets, segments and bytes of a small example") {
  const FakeSplit data({3, 2});  // documents 0 1 2 and 3 4
  const std::vector<Row> rows{{0, {{0, 3, true}, {3, 2, true}}}, {0, {{1, 2, false}}}};
  const SourceView view = data.view();
  const Batch batch = assemble(rows, std::span(&view, 1), 6, 2);
  CHECK(batch.tokens == std::vector<std::int32_t>{999, 0, 1, 999, 3, 0, 0, 1, 0, 0, 0, 0});
  CHECK(batch.targets == std::vector<std::int32_t>{0, 1, 2, 3, 4, -1, 1, 2, -1, -1, -1, -1});
  CHECK(batch.weights == std::vector<float>{1, 1, 1, 1, 1, 0, 1, 1, 0, 0, 0, 0});
  CHECK(batch.positions == std::vector<std::int32_t>{0, 1, 2, 0, 1, 0, 0, 1, 0, 1, 2, 3});
  CHECK(batch.cu_seqlens == std::vector<std::int32_t>{0, 3, 5, 6, 8, 12});
  CHECK(batch.n_targets == 7);
  CHECK(batch.target_bytes == 14);
}

TEST_CASE("an id beyond the vocabulary is refused, not fed to the model") {
  FakeSplit data({5});
  data.header.vocab_size = 4;
  const SourceView view = data.view();
  const std::vector<Row> rows{{0, {{1, 4, false}}}};
  CHECK_THROWS_WITH(assemble(rows, std::span(&view, 1), 4, 1), Catch::Contains("beyond the vocabulary of 4"));
}

TEST_CASE("data without anything to predict are refused") {
  const FakeSplit data({0, 0});
  CHECK_THROWS_AS(SourceStream(data.view(), 8, 1), Error);
  const FakeSplit single({1, 1}, -1);
  CHECK_THROWS_AS(SourceStream(single.view(), 8, 1), Error);
}

TEST_CASE("sources as named on the command line") {
  CHECK(parse_source("a.h5").path == "a.h5");
  CHECK_FALSE(parse_source("a.h5").weight);
  CHECK(parse_source("x=y.h5=0.25").path == "x=y.h5");
  CHECK(*parse_source("x=y.h5=0.25").weight == 0.25);
  for (const char* bad : {"a=", "a=0", "a=-1", "a=x", "a=nan", "a=inf"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_source(bad), Error);
  }
}
