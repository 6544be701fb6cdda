// SPDX-License-Identifier: Apache-2.0
// Much written at a time, by the page cache and past it.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
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

namespace {

// What writes past the page cache fail with; 0: they do not. Other writes are as ever.
int failure_of_direct_writes = 0;
int n_direct_writes = 0;  // how many there may be before that

ssize_t write_or_fail(int descriptor, const void* bytes, size_t n_bytes, off_t offset) {
  if (failure_of_direct_writes != 0 && (::fcntl(descriptor, F_GETFL) & O_DIRECT) != 0 && n_direct_writes-- <= 0) {
    errno = failure_of_direct_writes;
    return -1;
  }
  return ::syscall(SYS_pwrite64, descriptor, bytes, n_bytes, offset);
}

}  // namespace

// In this program's place of the C library's.
extern "C" ssize_t pwrite(int descriptor, const void* bytes, size_t n_bytes, off_t offset) {
  return write_or_fail(descriptor, bytes, n_bytes, offset);
}
extern "C" ssize_t pwrite64(int descriptor, const void* bytes, size_t n_bytes, off_t offset) {
  return write_or_fail(descriptor, bytes, n_bytes, offset);
}

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

TEST_CASE("whatever a write past the page cache fails with, the bulk goes through it") {
  const TemporaryFolder folder;
  constexpr std::size_t page = BulkWriter::alignment, room = 3 * page;
  const std::unique_ptr<std::byte, void (*)(void*)> memory(static_cast<std::byte*>(std::aligned_alloc(page, room)),
                                                           std::free);
  std::memset(memory.get(), 'b', room);
  const int failure = GENERATE(EOPNOTSUPP, ENOMEM, EIO, EINVAL, ENOSPC);
  n_direct_writes = GENERATE(0, 1);
  CAPTURE(failure, n_direct_writes);
  const fs::path path = folder / "bulk";
  std::ofstream(path).flush();
  {
    const RawFile file(path, RawFile::Mode::write);
    BulkWriter bulk(file);
    failure_of_direct_writes = failure;
    bulk.write_at(0, {memory.get(), room});
    bulk.write_at(room, {memory.get(), room});
    failure_of_direct_writes = 0;
  }
  CHECK(read_file(path) == std::string(2 * room, 'b'));
}
