// SPDX-License-Identifier: Apache-2.0
// Zip archives: what Python's zipfile wrote, and hostile ones.
#include "formats/zip_archive.h"

#include <optional>

#include "lib/base/file.h"
#include "tests/support/catch.h"
#include "tests/support/zip_file.h"

namespace hearth::formats {
namespace {

using testing::little_endian;
using testing::zip_of;

// Of opening an archive and reading a member.
std::optional<ZipFault> fault_of(const std::string& bytes, const std::string& name, const ZipLimits& limits = {}) {
  try {
    ZipArchive(bytes, limits).read(name);
    return std::nullopt;
  } catch (const ZipError& error) {
    return error.fault();
  }
}

std::string changed(std::string bytes, const std::string& record, std::size_t at, const std::string& to) {
  return bytes.replace(bytes.rfind(record) + at, to.size(), to);
}

TEST_CASE("Members are read by name") {
  const std::string epub =
      read_file(std::string(HEARTH_SOURCE_DIR) + "/tests/golden/extract/office/bees.epub");  // by zipfile
  ZipArchive archive(epub);
  CHECK(archive.names().size() == 6);
  CHECK(archive.read("mimetype") == "application/epub+zip");
  CHECK(archive.read("OEBPS/nav.xhtml").ends_with("</html>"));
  CHECK(zip_entries_of_head(epub).size() == 6);
  CHECK(zip_entries_of_head(epub.substr(0, 40)).front().name == "mimetype");
  const std::string own = zip_of({{"a", std::string(100000, 'x')}, {"b", ""}});
  CHECK(ZipArchive(own).read("a") == std::string(100000, 'x'));
  CHECK(ZipArchive(own).read("b").empty());
  CHECK(ZipArchive(own + "").names().size() == 2);
}

TEST_CASE("Archives that lie are refused") {
  const std::string good = zip_of({{"a", std::string(1000, 'x')}});
  const std::string central = "PK\x01\x02", end = "PK\x05\x06", local = "PK\x03\x04";
  using enum ZipFault;
  CHECK(!fault_of(good, "a"));
  CHECK(fault_of(good, "b") == damaged);
  CHECK(fault_of("", "a") == damaged);
  CHECK(fault_of(std::string(100000, 'P'), "a") == damaged);
  CHECK(fault_of(changed(good, central, 8, "\x01"), "a") == encrypted);
  CHECK(fault_of(changed(good, central, 10, "\x0c"), "a") == unsupported);  // bzip2
  CHECK(fault_of(changed(good, end, 16, "\xff\xff\xff\xff"), "a") == unsupported);
  CHECK(fault_of(changed(good, central, 24, "\xff\xff\xff\xff"), "a") == unsupported);
  CHECK(fault_of(changed(good, end, 16, little_endian(0xfffffff0, 4)), "a") == damaged);
  CHECK(fault_of(changed(good, end, 10, little_endian(9, 2)), "a") == damaged);
  CHECK(fault_of(changed(good, central, 28, "\xff\xff"), "a") == damaged);
  CHECK(fault_of(changed(good, central, 42, little_endian(0xfffffff0, 4)), "a") == damaged);
  CHECK(fault_of(changed(good, central, 20, little_endian(0xfffffff0, 4)), "a") == damaged);
  CHECK(fault_of(changed(good, central, 24, little_endian(999, 4)), "a") == damaged);
  CHECK(fault_of(changed(good, central, 24, little_endian(1001, 4)), "a") == damaged);
  CHECK(fault_of(changed(good, central, 16, "\x01\x02"), "a") == damaged);  // the checksum
  CHECK(fault_of(changed(good, local, 26, "\xff\xff"), "a") == damaged);
  for (std::size_t size = 0; size < good.size(); ++size) CHECK(fault_of(good.substr(0, size), "a") == damaged);
}

TEST_CASE("What unpacks to too much is not unpacked") {
  using enum ZipFault;
  const std::string bomb = zip_of({{"a", std::string(8 << 20, 'x')}, {"b", "y"}});
  CHECK(fault_of(bomb, "a") == too_large);  // by its ratio
  CHECK(!fault_of(bomb, "a", {.max_ratio = 2000}));
  CHECK(fault_of(bomb, "a", {.max_member_bytes = 1000, .max_ratio = 2000}) == too_large);
  CHECK(fault_of(bomb, "a", {.max_total_bytes = 1000, .max_ratio = 2000}) == too_large);
  CHECK(fault_of(bomb, "b", {.max_members = 1}) == too_large);
}

}  // namespace
}  // namespace hearth::formats
