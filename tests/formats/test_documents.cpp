// SPDX-License-Identifier: Apache-2.0
#include "formats/documents.h"

#include <chrono>
#include <thread>

#include "lib/base/json_value.h"
#include "tests/formats/support.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::formats;

namespace {

Document document(int i, std::size_t text_bytes) {
  Document out;
  out.id = "id" + std::to_string(i);
  out.source = "folder/file" + std::to_string(i) + ".md";
  out.type = i % 2 ? "markdown" : "code";
  out.language = i % 2 ? "" : "c++";
  out.license = i % 3 ? "" : "Apache-2.0";
  out.attributes = R"({"n":)" + std::to_string(i) + "}";
  out.split = static_cast<Split>(i % n_splits);
  for (std::size_t k = 0; out.text.size() < text_bytes; ++k)
    out.text += "word" + std::to_string(i * 7919 + k * k % 977) + " ";
  out.text.resize(text_bytes);
  return out;
}

bool same(const Document& a, const Document& b) {
  return a.id == b.id && a.source == b.source && a.type == b.type && a.language == b.language &&
         a.license == b.license && a.text == b.text && a.attributes == b.attributes && a.split == b.split;
}

// Sizes around the borders of blocks of 1024 bytes, an empty text, and texts of several blocks.
const std::vector<std::size_t> text_sizes{0, 1, 500, 523, 1, 1024, 1023, 2, 1025, 5000, 0, 3072, 700, 700, 10};

void write_sample(const fs::path& path, int n_threads, int repeat = 1) {
  ThreadPool pool(n_threads);
  DocumentsWriter writer(path, true, pool, {.block_bytes = 1024, .rejected_text_bytes = 100});
  int i = 0;
  for (int round = 0; round < repeat; ++round) {
    for (const std::size_t size : text_sizes) {
      writer.add(document(i, size));
      if (i % 4 == 0) writer.add(RejectedDocument{document(1000 + i, size), "too-short", "of " + std::to_string(i)});
      ++i;
    }
  }
  writer.finish(Json{{"tool", "test"}}, Json{{"n", i}});
}

}  // namespace

TEST_CASE("documents come back as written, over every border of a block") {
  const TemporaryFolder folder;
  const fs::path path = folder / "corpus.h5";
  write_sample(path, 2);
  const DocumentsReader reader(path);
  std::vector<Document> documents;
  for (std::uint64_t b = 0; b < reader.n_blocks(); ++b) {
    for (Document& read : reader.read_block(b)) documents.push_back(std::move(read));
  }
  REQUIRE(reader.n_blocks() > 5);
  REQUIRE(documents.size() == text_sizes.size());
  REQUIRE(reader.n_documents() == text_sizes.size());
  std::uint64_t text_bytes = 0, n_validation = 0;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    INFO(i);
    CHECK(same(documents[i], document(static_cast<int>(i), text_sizes[i])));
    text_bytes += text_sizes[i];
    n_validation += i % n_splits == 1;
  }
  CHECK(reader.text_bytes() == text_bytes);
  CHECK(reader.n_documents(Split::validation) == n_validation);
  CHECK(reader.provenance() == Json{{"tool", "test"}});
  CHECK(reader.statistics() == Json{{"n", text_sizes.size()}});
}

TEST_CASE("rejected documents keep their reason and the beginning of their text") {
  const TemporaryFolder folder;
  write_sample(folder / "corpus.h5", 1);
  const DocumentsReader reader(folder / "corpus.h5");
  std::vector<RejectedDocument> rejected;
  for (std::uint64_t b = 0; b < reader.n_rejected_blocks(); ++b) {
    for (RejectedDocument& read : reader.read_rejected_block(b)) rejected.push_back(std::move(read));
  }
  REQUIRE(rejected.size() == 4);
  REQUIRE(reader.n_rejected() == 4);
  Document expected = document(1008, text_sizes[8]);
  expected.text.resize(100);
  CHECK(same(rejected[2].document, expected));
  CHECK(rejected[2].reason == "too-short");
  CHECK(rejected[2].detail == "of 8");
}

TEST_CASE("any number of threads writes the same bytes") {
  const TemporaryFolder folder;
  write_sample(folder / "one.h5", 1, 20);
  const std::string one = read_file(folder / "one.h5");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // nor does the time stand in it
  for (const int n_threads : {2, 5}) {
    write_sample(folder / "many.h5", n_threads, 20);
    const bool same_bytes = read_file(folder / "many.h5") == one;
    CHECK(same_bytes);
  }
}

TEST_CASE("the digest names the documents and their order, not how they are stored") {
  const TemporaryFolder folder;
  ThreadPool pool(1);
  const auto digest_of = [&](std::vector<int> order, DocumentsWriter::Settings settings) {
    DocumentsWriter writer(folder / "corpus.h5", true, pool, settings);
    for (const int i : order) writer.add(document(i, 900));
    writer.finish(Json::object(), Json::object());
    return DocumentsReader(folder / "corpus.h5").digest();
  };
  const std::string digest = digest_of({1, 2, 3}, {});
  CHECK(digest.size() == 64);
  CHECK(digest_of({1, 2, 3}, {.zstd_level = 9, .block_bytes = 1024}) == digest);
  CHECK(digest_of({1, 3, 2}, {}) != digest);
  CHECK(digest_of({1, 2}, {}) != digest);
}

TEST_CASE("a documents file without documents is one") {
  const TemporaryFolder folder;
  ThreadPool pool(2);
  DocumentsWriter writer(folder / "none.h5", false, pool, {});
  writer.finish(Json::object(), Json::object());
  const DocumentsReader reader(folder / "none.h5");
  CHECK(reader.n_documents() == 0);
  CHECK(reader.n_blocks() == 0);
  CHECK(reader.n_rejected_blocks() == 0);
}

TEST_CASE("a documents file cut at any byte is refused as bad data") {
  const TemporaryFolder folder;
  ThreadPool pool(1);
  {
    DocumentsWriter writer(folder / "whole.h5", false, pool, {.block_bytes = 1024});
    for (int i = 0; i < 4; ++i) writer.add(document(i, 600));
    writer.finish(Json::object(), Json::object());
  }
  const fs::path cut = folder / "cut.h5";
  fs::copy_file(folder / "whole.h5", cut);
  const std::size_t whole = fs::file_size(cut);
  for (std::size_t length = whole; length-- > 0;) {
    fs::resize_file(cut, length);
    const std::string message = message_of(Kind::data, [&] { DocumentsReader reader(cut); });
    INFO("cut to " << length << " of " << whole << ": " << message);
    REQUIRE(message.starts_with(cut.string() + ": "));
  }
}

TEST_CASE("a flipped byte in a text or a column is found and the block named") {
  const TemporaryFolder folder;
  write_sample(folder / "corpus.h5", 1);
  const fs::path path = folder / "corpus.h5";
  int n_found = 0;
  for (std::size_t at = 0; at < fs::file_size(path); at += 37) {
    flip_byte(path, at, 0x10);
    INFO("byte " << at);
    try {
      const DocumentsReader reader(path);
      for (std::uint64_t b = 0; b < reader.n_blocks(); ++b) {
        for (const Document& read : reader.read_block(b)) {
          const int i = std::stoi(read.id.substr(2));
          REQUIRE(same(read, document(i, text_sizes[static_cast<std::size_t>(i)])));  // padding may be flipped unseen
        }
      }
    } catch (const Error& error) {
      REQUIRE(error.kind() == Kind::data);
      REQUIRE(std::string(error.what()).starts_with(path.string()));
      ++n_found;
    }
    flip_byte(path, at, 0x10);
  }
  CHECK(n_found > 50);
}

TEST_CASE("impossible settings and an existing output are refused before any work") {
  const TemporaryFolder folder;
  ThreadPool pool(1);
  CHECK(message_of(Kind::config, [&] { DocumentsWriter w(folder / "a.h5", false, pool, {.block_bytes = 7}); }) ==
        (folder / "a.h5").string() + ": blocks of 7 bytes; they may have 1024 to 1073741824");
  CHECK_FALSE(fs::exists(folder / "a.h5.partial"));
  write_file(folder / "a.h5", "mine");
  message_of(Kind::cannot_create, [&] { DocumentsWriter w(folder / "a.h5", false, pool, {}); });
  CHECK(read_file(folder / "a.h5") == "mine");
}

TEST_CASE("an unfinished writer leaves nothing behind") {
  const TemporaryFolder folder;
  ThreadPool pool(2);
  {
    DocumentsWriter writer(folder / "a.h5", false, pool, {.block_bytes = 1024});
    for (int i = 0; i < 50; ++i) writer.add(document(i, 600));
  }
  CHECK(fs::is_empty(folder.path()));
}
