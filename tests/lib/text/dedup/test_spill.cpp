// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/spill.h"

#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/rng.h"
#include "lib/text/dedup/words.h"
#include "tests/support/catch.h"

namespace hearth::text::dedup {
namespace {

struct Record {
  std::uint64_t hash = 0, value = 0;
  std::uint64_t key() const { return hash; }
  bool operator<(const Record& other) const { return hash != other.hash ? hash < other.hash : value < other.value; }
};

}  // namespace

TEST_CASE("a spill file gives back what was appended, and leaves nothing behind") {
  const auto folder = std::filesystem::temp_directory_path() / ("hearth-test-spill-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  {
    SpillFile file(folder, 16);
    for (std::uint32_t i = 0; i < 100; ++i) file.append(i);
    CHECK(file.size() == 400);
    std::uint32_t some = 0;
    file.read(99 * 4, std::as_writable_bytes(std::span(&some, 1)));
    CHECK(some == 99);
    const auto all = file.map_as<std::uint32_t>();
    REQUIRE(all.size() == 100);
    CHECK(all[37] == 37);
    CHECK(std::filesystem::is_empty(folder));
    SpillFile empty(folder);
    CHECK(empty.map().empty());
  }
  std::filesystem::remove(folder);
  CHECK_THROWS_AS(SpillFile(folder), Error);
}

TEST_CASE("records of one key come together, whatever the memory") {
  Rng rng(1);
  std::map<std::uint64_t, std::vector<std::uint64_t>> expected;
  std::vector<Record> records;
  for (std::uint64_t i = 0; i < 300'000; ++i) {
    records.push_back({mix64(rng.below(200'000)), i});
    expected[records.back().hash].push_back(i);
  }
  std::erase_if(expected, [](const auto& group) { return group.second.size() < 2; });
  for (const std::uint64_t memory : {std::uint64_t{1} << 30, std::uint64_t{500}}) {
    RecordGroups<Record> groups({}, memory);
    for (const Record& record : records) groups.add(record);
    std::map<std::uint64_t, std::vector<std::uint64_t>> found;
    const auto self = comm::make_self_communicator();
    const auto visit = [&](std::span<const Record> records) {
      for_each_group(records, [&](std::span<const Record> group) {
        std::vector<std::uint64_t>& values = found[group[0].hash];
        if (!values.empty()) FAIL("a key twice");
        for (const Record& record : group) values.push_back(record.value);
      });
    };
    groups.for_each_round(
        *self, [](const Record& record) { return record; }, visit);
    CHECK(found == expected);
  }
}

}  // namespace hearth::text::dedup
