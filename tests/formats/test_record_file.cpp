// SPDX-License-Identifier: Apache-2.0
// Files of records: what is written comes back, whatever the threads; damage is named.
#include "formats/record_file.h"
#include "lib/base/error.h"
#include "tests/formats/support.h"
#include "tests/support/catch.h"

namespace hearth::formats {
namespace {

std::vector<std::string> some_records() {
  std::vector<std::string> records{"", "a", std::string(3u << 20, 'x')};
  for (int i = 0; i < 3000; ++i)
    records.push_back(std::string(static_cast<std::size_t>(i % 700), static_cast<char>(i)));
  return records;
}

void write(const fs::path& path, const std::vector<std::string>& records, int n_threads, bool plain = false) {
  ThreadPool pool(n_threads);
  RecordFileWriter writer(path, pool, plain);
  for (const std::string& record : records) writer.add(record);
  REQUIRE_FALSE(fs::exists(path));
  writer.finish();
}

std::vector<std::string> read(const fs::path& path) {
  RecordFileReader reader(path);
  std::vector<std::string> records;
  for (std::string_view record; reader.next(record);) records.emplace_back(record);
  return records;
}

TEST_CASE("records come back in order, the bytes the same for any number of threads") {
  const TemporaryFolder folder;
  const auto records = some_records();
  write(folder.path() / "one", records, 1);
  write(folder.path() / "three", records, 3);
  CHECK(read(folder.path() / "one") == records);
  CHECK(read_file(folder.path() / "one") == read_file(folder.path() / "three"));
  write(folder.path() / "plain", records, 2, true);
  CHECK(read(folder.path() / "plain") == records);
  CHECK(fs::file_size(folder.path() / "plain") > fs::file_size(folder.path() / "one"));
  write(folder.path() / "none", {}, 1);
  CHECK(read(folder.path() / "none").empty());
}

TEST_CASE("a cut or changed file of records is damaged, wherever") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "records";
  write(path, some_records(), 1);
  const std::string whole = read_file(path);
  for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 50) {
    write_file(path, whole.substr(0, size));
    CHECK_THROWS_AS(read(path), Error);
  }
  for (std::size_t at = 0; at < whole.size(); at += 1 + whole.size() / 50) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x20);
    write_file(path, changed);
    CHECK_THROWS_AS(read(path), Error);
  }
}

}  // namespace
}  // namespace hearth::formats
