// SPDX-License-Identifier: Apache-2.0
// Files that change, vanish or lock themselves between the walk that finds them and the reading.
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/tools/shard_read.h"
#include "lib/tools/shard_source.h"
#include "tests/formats/support.h"
#include "tests/support/catch.h"

namespace hearth::tools::shard {
namespace {

FoundFile found_at(const fs::path& path) {
  InputWalk walk({path.string()}, "", "/");
  return walk.next().value();
}

std::string reason_of(const FoundFile& found) {
  std::string bytes;
  const auto rejection = read_bounded(found, 1 << 20, bytes);
  return rejection ? rejection->reason : "";
}

TEST_CASE("a file that is not what the walk found is rejected by name") {
  const TemporaryFolder folder;
  const fs::path path = folder / "a.txt";
  write_file(path, "some text");
  const FoundFile found = found_at(path);
  CHECK(reason_of(found).empty());
  write_file(path, "some text that is longer");
  CHECK(reason_of(found) == "changed");
  write_file(path, "same size");
  const timespec times[2] = {{1, 0}, {1, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
  CHECK(reason_of(found) == "changed");
  fs::remove(path);
  CHECK(reason_of(found) == "missing");
  fs::create_directory(path);
  CHECK(reason_of(found) != "");
}

TEST_CASE("a mailbox that grows while its messages are read says so behind them") {
  const TemporaryFolder folder;
  const fs::path path = folder / "a.mbox";
  const std::string message = "From a\nSubject: s\n\nHello.\n\n";
  write_file(path, message + message);
  InputWalk files({path.string()}, "", "/");
  SharedWalk walk(files);
  ItemSource source(walk, {}, nullptr);
  std::vector<Item> items;
  REQUIRE(source.fill(items, 1, 1 << 20));
  CHECK(!items.at(0).rejection);
  write_file(path, message + message + message);
  source.fill(items, 10, 1 << 20);
  REQUIRE(items.size() >= 3);
  REQUIRE(items.back().rejection);
  CHECK(items.back().rejection->reason == "changed");
}

}  // namespace
}  // namespace hearth::tools::shard
