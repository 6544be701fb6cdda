// SPDX-License-Identifier: Apache-2.0
#include "formats/tokens.h"

#include <numeric>

#include "lib/base/json_value.h"
#include "lib/base/rng.h"
#include "tests/formats/support.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::formats;

namespace {

TokensHeader header_of(DType dtype, std::uint32_t vocab_size) {
  TokensHeader header;
  header.dtype = dtype;
  header.vocab_size = vocab_size;
  header.end_of_text_id = vocab_size - 1;
  header.tokenizer_digest = std::string(64, 'a');
  header.token_bytes.resize(vocab_size);
  std::iota(header.token_bytes.begin(), header.token_bytes.end(), std::uint16_t{0});
  return header;
}

struct Sample {
  Split split;
  std::vector<std::uint32_t> ids;
};

// Documents of varied length in the train and test splits; none for validation.
std::vector<Sample> sample_documents(std::uint32_t vocab_size, int count, std::uint64_t max_length) {
  Rng rng(7);
  std::vector<Sample> documents;
  for (int i = 0; i < count; ++i) {
    Sample& document = documents.emplace_back();
    document.split = rng.below(4) == 0 ? Split::test : Split::train;
    document.ids.resize(rng.below(max_length));
    for (std::uint32_t& id : document.ids) id = static_cast<std::uint32_t>(rng.below(vocab_size));
  }
  return documents;
}

void write_sample(const fs::path& path, const TokensHeader& header, const std::vector<Sample>& documents) {
  TokensWriter writer(path, true, header);
  for (const Sample& document : documents) writer.add(document.split, document.ids, 3 * document.ids.size());
  writer.finish(Json{{"tool", "test"}});
}

void check_split(const TokensReader& reader, Split which, const std::vector<Sample>& documents) {
  const TokensSplit& split = reader.split(which);
  std::vector<std::uint32_t> ids;
  std::vector<std::uint64_t> offsets{0};
  for (const Sample& document : documents) {
    if (document.split != which) continue;
    ids.insert(ids.end(), document.ids.begin(), document.ids.end());
    offsets.push_back(ids.size());
  }
  REQUIRE(split.n_tokens() == ids.size());
  REQUIRE(split.n_documents() == offsets.size() - 1);
  REQUIRE(std::equal(offsets.begin(), offsets.end(), split.document_offsets.begin(), split.document_offsets.end()));
  std::uint64_t n_equal = 0;
  for (std::uint64_t i = 0; i < ids.size(); ++i) n_equal += split.id(i) == ids[i];
  REQUIRE(n_equal == ids.size());
  REQUIRE(split.text_bytes == 3 * ids.size());
}

}  // namespace

TEST_CASE("tokens come back as written, u16 and u32, per split, across checksum blocks") {
  const TemporaryFolder folder;
  const fs::path path = folder / "tokens.h5";
  for (const auto& [dtype, vocab_size] : {std::pair{DType::u16, 65536u}, {DType::u32, 65537u}}) {
    const TokensHeader header = header_of(dtype, vocab_size);
    const std::vector<Sample> documents = sample_documents(vocab_size, 3000, 3000);  // 4.5 M tokens
    write_sample(path, header, documents);
    const TokensReader reader(path);
    for (const Split split : {Split::train, Split::validation, Split::test}) check_split(reader, split, documents);
    CHECK(reader.header().dtype == dtype);
    CHECK(reader.header().vocab_size == vocab_size);
    CHECK(reader.header().token_bytes == header.token_bytes);
    CHECK(reader.header().end_of_text_id == vocab_size - 1);
    CHECK(reader.header().tokenizer_digest == header.tokenizer_digest);
    CHECK(reader.provenance() == Json{{"tool", "test"}});
    CHECK(reader.split(Split::train).ids16.empty() == (dtype == DType::u32));
    const std::uintptr_t address = dtype == DType::u16
                                       ? reinterpret_cast<std::uintptr_t>(reader.split(Split::train).ids16.data())
                                       : reinterpret_cast<std::uintptr_t>(reader.split(Split::train).ids32.data());
    CHECK(address % 4096 == 0);
    reader.verify();
  }
}

TEST_CASE("the same tokens give the same bytes and digest, other tokens another digest") {
  const TemporaryFolder folder;
  const TokensHeader header = header_of(DType::u16, 300);
  std::vector<Sample> documents = sample_documents(300, 20, 50);
  write_sample(folder / "a.h5", header, documents);
  write_sample(folder / "b.h5", header, documents);
  CHECK(read_file(folder / "a.h5") == read_file(folder / "b.h5"));
  const std::string digest = TokensReader(folder / "a.h5").digest();
  documents.back().ids.push_back(7);
  write_sample(folder / "b.h5", header, documents);
  CHECK(TokensReader(folder / "b.h5").digest() != digest);
}

TEST_CASE("a vocabulary too large for its data type is a bad configuration") {
  const TemporaryFolder folder;
  const std::string message =
      message_of(Kind::config, [&] { TokensWriter w(folder / "t.h5", false, header_of(DType::u16, 65537)); });
  CHECK(message ==
        (folder / "t.h5").string() + ": a vocabulary of 65537 tokens does not fit u16 (65536 at most); use u32");
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("an id outside the vocabulary is refused, with its document") {
  const TemporaryFolder folder;
  TokensWriter writer(folder / "t.h5", false, header_of(DType::u16, 300));
  const std::vector<std::uint32_t> good{1, 299}, bad{1, 300};
  writer.add(Split::train, good, 2);
  CHECK(message_of(Kind::data, [&] { writer.add(Split::train, bad, 2); }) ==
        (folder / "t.h5").string() + ": document 1 of train has the id 300, outside the vocabulary of 300");
}

TEST_CASE("a tokens file cut at any byte is refused as bad data") {
  const TemporaryFolder folder;
  const fs::path path = folder / "t.h5";
  write_sample(path, header_of(DType::u16, 300), sample_documents(300, 20, 50));
  for (std::size_t length = fs::file_size(path); length-- > 0;) {
    fs::resize_file(path, length);
    message_of(Kind::data, [&] { TokensReader reader(path); });
  }
}

TEST_CASE("verify finds a flipped byte and names the block") {
  const TemporaryFolder folder;
  const fs::path path = folder / "t.h5";
  write_sample(path, header_of(DType::u16, 65536), {{Split::train, std::vector<std::uint32_t>(5'000'000, 0x5678)}});
  const std::size_t ids = read_file(path).find(std::string("\x78\x56\x78\x56\x78\x56\x78\x56"));
  flip_byte(path, ids + (4u << 20) + 11, 1);
  const TokensReader reader(path);
  CHECK(message_of(Kind::data, [&] {
          reader.verify();
        }).starts_with(path.string() + ": train/ids block 1 (from byte 4194304) does not match its checksum; "));
}

TEST_CASE("no flipped byte crashes a tokens reader") {
  const TemporaryFolder folder;
  write_sample(folder / "t.h5", header_of(DType::u16, 300), sample_documents(300, 20, 50));
  const fs::path path = folder / "t.h5";
  for (std::size_t at = 0; at < fs::file_size(path); at += 17) {
    flip_byte(path, at, 0x81);
    INFO("byte " << at);
    try {
      TokensReader(path).verify();
    } catch (const Error& error) {
      REQUIRE(error.kind() == Kind::data);
    }
    flip_byte(path, at, 0x81);
  }
}

TEST_CASE("sources of documents come back, and are left out where none was told") {
  const TemporaryFolder folder;
  const TokensHeader header = header_of(DType::u16, 10);
  {
    TokensWriter writer(folder / "told.h5", true, header);
    writer.add(Split::train, std::vector<std::uint32_t>{1, 2}, 2, "docs");
    writer.add(Split::test, std::vector<std::uint32_t>{3}, 1, "src");
    writer.add(Split::train, std::vector<std::uint32_t>{4}, 1, "src");
    writer.finish(Json::object());
  }
  const TokensReader told(folder / "told.h5");
  CHECK(told.sources() == std::vector<std::string>{"docs", "src"});
  const auto train = told.split(Split::train).document_source;
  CHECK(std::vector<std::uint16_t>(train.begin(), train.end()) == std::vector<std::uint16_t>{0, 1});
  CHECK(told.split(Split::test).document_source.front() == 1);
  CHECK(told.split(Split::validation).document_source.empty());
  write_sample(folder / "untold.h5", header, sample_documents(10, 5, 20));
  const TokensReader untold(folder / "untold.h5");
  CHECK(untold.sources().empty());
  CHECK(untold.split(Split::train).document_source.empty());
}

TEST_CASE("an index stands for its parts, wherever both lie, and for no others") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "there/parts");
  const fs::path a = folder / "there/parts/a.h5", b = folder / "there/parts/b.h5", index = folder / "there/index.h5";
  const TokensHeader header = header_of(DType::u16, 300);
  write_sample(a, header, sample_documents(300, 20, 50));
  write_sample(b, header, sample_documents(300, 30, 40));
  write_tokens_index(index, false, {a, b}, Json{{"tool", "test"}});
  CHECK_THROWS_AS(TokensReader(index), Error);  // one file is meant there
  CHECK(open_tokens(a).size() == 1);

  fs::rename(folder / "there", folder / "here");
  const fs::path moved = folder / "here/index.h5";
  const std::vector<TokensReader> readers = open_tokens(moved);
  REQUIRE(readers.size() == 2);
  CHECK(readers[0].digest() == TokensReader(folder / "here/parts/a.h5").digest());
  CHECK(readers[1].split(Split::train).n_documents() + readers[1].split(Split::test).n_documents() == 30);

  write_sample(folder / "here/parts/b.h5", header, sample_documents(300, 31, 40));
  CHECK_THROWS_WITH(open_tokens(moved), Catch::Contains("not the one it was made with"));

  TokensHeader other = header;
  other.tokenizer_digest = std::string(64, 'b');
  const fs::path c = folder / "c.h5";
  write_sample(c, other, sample_documents(300, 5, 5));
  CHECK_THROWS_WITH(write_tokens_index(index, false, {folder / "here/parts/a.h5", c}, {}),
                    Catch::Contains("another tokenizer"));
}
