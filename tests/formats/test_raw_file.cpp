// SPDX-License-Identifier: Apache-2.0
// Much written at a time, by the page cache and past it.
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

#include "formats/raw_file.h"
#include "lib/base/file.h"
#include "tests/formats/support.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::formats;

TEST_CASE("a bulk lies where it was written, whatever its alignment and length") {
  const TemporaryFolder folder;
  constexpr std::size_t page = BulkWriter::alignment, room = 9 * page;
  const std::unique_ptr<std::byte, void (*)(void*)> memory(static_cast<std::byte*>(std::aligned_alloc(page, room)),
                                                           std::free);
  for (std::size_t i = 0; i < room; ++i) memory.get()[i] = static_cast<std::byte>(i * 7 + i / 251);
  struct Piece {
    std::size_t offset, from, bytes;
  };
  const std::vector<Piece> pieces{
      {page, 0, 3 * page},              // past the page cache
      {5 * page, page, 2 * page + 77},  // its end is not
      {8 * page, 3, page + 1},          // memory that is not aligned
      {11 * page + 64, page, 100},      // less than a page, at an offset that is not
      {12 * page, 0, 0},
      {13 * page, 2 * page, 1},
  };
  const fs::path path = folder / "bulk";
  std::ofstream(path) << "head";
  {
    const RawFile file(path, RawFile::Mode::write);
    BulkWriter bulk(file);
    for (const Piece& piece : pieces) bulk.write_at(piece.offset, {memory.get() + piece.from, piece.bytes});
    file.write_at(7 * page + 77, std::as_bytes(std::span("beside", 6)));  // in the page of an end
  }
  std::string expected(13 * page + 1, '\0');
  expected.replace(0, 4, "head");
  for (const Piece& piece : pieces) std::memcpy(expected.data() + piece.offset, memory.get() + piece.from, piece.bytes);
  expected.replace(7 * page + 77, 6, "beside");
  CHECK(read_file(path) == expected);
}
