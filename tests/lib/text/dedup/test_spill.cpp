// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/spill.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/rng.h"
#include "lib/text/dedup/record_groups.h"
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
    CHECK(file.read_as<std::uint32_t>(96 * 4) == 96);  // some of it not yet on disk
    for (const std::uint64_t mapped : {0, 400}) {
      file.end(mapped);  // the second time it is ended already
      CHECK(file.read_as<std::uint32_t>(37 * 4) == 37);
    }
    CHECK(std::filesystem::is_empty(folder));
    SpillFile mapped(folder);
    mapped.append(std::uint32_t{5});
    mapped.end(4);
    CHECK(mapped.read_as<std::uint32_t>(0) == 5);
  }
  std::filesystem::remove(folder);
  CHECK_THROWS_AS(SpillFile(folder), Error);
}

TEST_CASE("a full disk is told with its folder") {
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};  // stands in for the disk
  ::setrlimit(RLIMIT_FSIZE, &small);
  std::string message;
  try {
    SpillFile file({}, 16);
    for (int i = 0; i < 1000; ++i) file.append(i);
  } catch (const Error& error) {
    message = error.what();
    CHECK(error.kind() == Kind::io);
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  const std::string folder = std::filesystem::temp_directory_path().string();
  CHECK(message == "cannot write a temporary file in " + folder + ": File too large");
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
    RecordGroups<Record> groups({}, memory, /*whole_groups=*/true);
    for (const Record& record : records) groups.add(record);
    std::map<std::uint64_t, std::vector<std::uint64_t>> found;
    const auto self = comm::make_self_communicator();
    const auto visit = [&](std::span<const Record> records, bool) {
      for_each_group(records, [&](std::span<const Record> group) {
        std::vector<std::uint64_t>& values = found[group[0].hash];
        if (!values.empty()) FAIL("a key twice");
        for (const Record& record : group) values.push_back(record.value);
      });
    };
    groups.for_each_round(
        *self, 0, [](const Record& record) { return record; }, visit);
    CHECK(found == expected);
  }
}

TEST_CASE("a key that does not fit fills rounds of its own, in order") {
  Rng rng(2);
  std::vector<Record> records;
  for (std::uint64_t i = 0; i < 20'000; ++i) records.push_back({mix64(rng.below(4) < 3 ? 7 : rng.below(5000)), i});
  std::vector<Record> sorted = records;
  std::sort(sorted.begin(), sorted.end());
  for (const std::uint64_t memory : {std::uint64_t{1} << 30, std::uint64_t{30'000}, std::uint64_t{0}}) {
    RecordGroups<Record> groups({}, memory);
    for (const Record& record : records) groups.add(record);
    std::vector<Record> found;
    std::size_t n_split = 0, most = 0;
    bool is_split = false;
    const auto visit = [&](std::span<const Record> chunk, bool goes_on) {
      if (is_split != (!found.empty() && !chunk.empty() && found.back().hash == chunk[0].hash))
        FAIL("not said that it goes on");
      if (goes_on && chunk.front().hash != chunk.back().hash) FAIL("others in a round with what does not fit");
      is_split = goes_on;
      n_split += goes_on ? 1u : 0u;
      most = std::max(most, chunk.size());
      found.insert(found.end(), chunk.begin(), chunk.end());
    };
    groups.for_each_round(
        *comm::make_self_communicator(), 0, [](const Record& record) { return record; }, visit);
    CHECK(std::equal(found.begin(), found.end(), sorted.begin(), sorted.end(),
                     [](const Record& a, const Record& b) { return a.hash == b.hash && a.value == b.value; }));
    CHECK((n_split == 0) == (memory > 1u << 20));
    if (memory == 30'000) CHECK(most * sizeof(Record) <= 30'000 / 3);
  }
}

TEST_CASE("a table finds what is there and what is behind") {
  struct Row {
    std::uint64_t row = 0, value = 0;
    std::uint64_t key() const { return row; }
  };
  SortedTable<Row> table({});
  CHECK(!table.find(0));
  for (std::uint64_t i = 0; i < 1000; ++i) table.append({3 * i + 1, i});
  CHECK(table.size() == 1000);
  for (const std::uint64_t i : {0, 1, 62, 63, 64, 65, 999}) {
    REQUIRE(table.find(3 * i + 1));
    CHECK(table.find(3 * i + 1)->value == i);
    CHECK(!table.find(3 * i));
    std::vector<std::uint64_t> values;
    table.for_each_from(3 * i, [&](const Row& row) { return values.push_back(row.value), values.size() < 70; });
    CHECK(values.size() == std::min<std::uint64_t>(70, 1000 - i));
    CHECK(values.front() == i);
  }
  CHECK(!table.find(5000));
}

}  // namespace hearth::text::dedup
