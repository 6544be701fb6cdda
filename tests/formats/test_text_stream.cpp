// SPDX-License-Identifier: Apache-2.0
#include "formats/text_stream.h"

#include <zlib.h>

#include <vector>

#include "lib/base/rng.h"
#include "tests/formats/support.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::formats;

namespace {

std::string sample_text(std::size_t bytes) {
  Rng rng(5);
  std::string text;
  while (text.size() < bytes) text += "line " + std::to_string(rng.next_u64() >> (rng.next_u32() % 64)) + "\n";
  text.resize(bytes);
  return text;
}

void write_gzip(const fs::path& path, const std::string& text) {
  const gzFile file = gzopen(path.c_str(), "wb");
  REQUIRE(gzwrite(file, text.data(), static_cast<unsigned>(text.size())) == static_cast<int>(text.size()));
  REQUIRE(gzclose(file) == Z_OK);
}

void write_zstd(const fs::path& path, const std::string& text) {
  TextWriter writer(path, true);
  writer.write(text);
  writer.commit();
}

std::string read_in_pieces(const fs::path& path, std::size_t piece) {
  TextStream stream(path);
  std::string all, buffer(piece, '\0');
  while (const std::size_t got = stream.read(buffer)) all.append(buffer, 0, got);
  REQUIRE(stream.read(buffer) == 0);
  return all;
}

}  // namespace

TEST_CASE("plain, gzip and zstd files read as the same stream, whatever their names") {
  const TemporaryFolder folder;
  for (const std::size_t size : {0u, 1u, 3u, 1000u, 700'001u}) {
    const std::string text = sample_text(size);
    write_file(folder / "plain", text);
    write_gzip(folder / "gzip", text);
    write_zstd(folder / "packed.zst", text);
    fs::rename(folder / "packed.zst", folder / "zstd");
    for (const char* name : {"plain", "gzip", "zstd"}) {
      INFO(name << " " << size);
      CHECK(read_in_pieces(folder / name, 70'000) == text);
      if (size <= 1000) CHECK(read_in_pieces(folder / name, 1) == text);
    }
    CHECK(TextStream(folder / "gzip").compression() == Compression::gzip);
    CHECK(TextStream(folder / "zstd").compression() == Compression::zstd);
    CHECK(TextStream(folder / "plain").compression() == Compression::none);
  }
}

TEST_CASE("members and frames one after the other are one stream") {
  const TemporaryFolder folder;
  const std::string text = sample_text(5000);
  write_gzip(folder / "one.gz", text);
  write_zstd(folder / "one.zst", text);
  const std::string gzip = read_file(folder / "one.gz"), zstd = read_file(folder / "one.zst");
  const std::string skippable{"\x5a\x2a\x4d\x18\x03\0\0\0abc", 11};
  write_file(folder / "two.gz", gzip + gzip);
  write_file(folder / "padded.gz", gzip + std::string(1000, '\0'));
  write_file(folder / "two.zst", skippable + zstd + skippable + zstd);
  CHECK(read_in_pieces(folder / "two.gz", 333) == text + text);
  CHECK(read_in_pieces(folder / "padded.gz", 333) == text);
  CHECK(read_in_pieces(folder / "two.zst", 333) == text + text);
}

TEST_CASE("a compressed stream cut anywhere or with a flipped byte is bad data") {
  const TemporaryFolder folder;
  const std::string text = sample_text(2000);
  write_gzip(folder / "a.gz", text);
  write_zstd(folder / "a.zst", text);
  for (const char* name : {"a.gz", "a.zst"}) {
    const fs::path path = folder / name;
    const std::string whole = read_file(path);
    std::size_t n_found = 0;
    for (std::size_t at = 10; at < whole.size(); at += 7) {
      flip_byte(path, at, 0x20);
      INFO(name << " byte " << at);
      try {
        const std::string read = read_in_pieces(path, 70'000);
        CHECK(read == text);  // a bit that means nothing
      } catch (const Error& error) {
        CHECK(error.kind() == Kind::data);
        CHECK(std::string(error.what()).starts_with(path.string() + ": "));
        ++n_found;
      }
      flip_byte(path, at, 0x20);
    }
    CHECK(n_found > whole.size() / 7 * 9 / 10);
    for (std::size_t length = whole.size(); length-- > 4;) {
      fs::resize_file(path, length);
      INFO(name << " cut to " << length);
      REQUIRE(message_of(Kind::data, [&] { read_in_pieces(path, 70'000); }).find("ends in the middle of its") !=
              std::string::npos);
    }
  }
}

TEST_CASE("a missing input and a folder are named") {
  const TemporaryFolder folder;
  CHECK(message_of(Kind::missing, [&] { TextStream stream(folder / "none"); }) ==
        (folder / "none").string() + ": No such file or directory");
  CHECK(message_of(Kind::missing, [&] { TextStream stream(folder.path()); }) ==
        folder.path().string() + ": is a folder");
}

TEST_CASE("a writer that does not commit leaves nothing") {
  const TemporaryFolder folder;
  TextWriter(folder / "a.zst", false).write("text");
  CHECK(fs::is_empty(folder.path()));
}
