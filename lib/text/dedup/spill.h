// SPDX-License-Identifier: Apache-2.0
// Intermediate results on disk: a nameless file that is appended to and then mapped, and records that are brought
// together by key, those of all ranks, within a memory budget. What is written is gone when its object is, also when
// the process is killed. A full disk is an Error{io} at the write that found it.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "lib/comm/exchange.h"
#include "lib/text/dedup/words.h"

namespace hearth::text::dedup {

class SpillFile {
 public:
  // In folder, which must exist; empty: the system's folder for temporary files.
  explicit SpillFile(const std::filesystem::path& folder, std::size_t buffer_bytes = 1u << 20);
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  void append(const void* bytes, std::size_t n);
  template <class T>
  void append(const T& value) {
    append(&value, sizeof value);
  }
  std::uint64_t size() const { return written_ + buffer_.size(); }

  void read(std::uint64_t at, std::span<std::byte> out);  // of what was appended
  // Ends appending; all of it in memory, paged in as it is touched.
  std::span<const std::byte> map();
  template <class T>
  std::span<const T> map_as() {
    const auto bytes = map();
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }

 private:
  void flush();

  int descriptor_ = -1;
  std::size_t buffer_bytes_;
  std::vector<std::byte> buffer_;
  std::uint64_t written_ = 0;
  void* map_ = nullptr;
};

// Bytes in partitions, each read back whole in the order it was written.
class PartitionedBytes {
 public:
  static constexpr std::size_t n_partitions = 256, block_bytes = 48u << 10;  // a multiple of 12, 16 and 24

  explicit PartitionedBytes(const std::filesystem::path& folder);
  void append(std::size_t partition, const void* bytes, std::size_t n);  // n divides block_bytes
  std::uint64_t size(std::size_t partition) const;
  template <class Visit>
  void for_each_block(std::size_t partition, Visit visit) {
    std::vector<std::byte> block(block_bytes);
    for (const std::uint64_t at : blocks_[partition]) {
      file_.read(at, block);
      visit(std::span<const std::byte>(block));
    }
    visit(std::span<const std::byte>(open_[partition]));
  }

 private:
  SpillFile file_;
  std::vector<std::vector<std::byte>> open_;        // of each partition, the block being filled
  std::vector<std::vector<std::uint64_t>> blocks_;  // of each partition, where its full blocks lie
};

// What of all partitions is looked at together.
struct Round {
  std::size_t first = 0, end = 0;  // partitions
  std::uint64_t slice = 0, n_slices = 1;
};

// Collective: the same rounds on all ranks, in each of which a rank gets at most memory_bytes, unless what has one key
// is more. own_bytes: of each of the rank's partitions.
std::vector<Round> rounds_of(comm::Communicator& world, const std::vector<std::int64_t>& own_bytes,
                             std::uint64_t memory_bytes);

// The rank to which all records of a key fall.
inline std::size_t owner_of(std::uint64_t key, int n_ranks) {
  return static_cast<std::size_t>((mix64(key) >> 32) * static_cast<std::uint64_t>(n_ranks) >> 32);
}

// Record: trivially copyable, with key() (64 bits, its high ones uniform) and a total order by key first.
template <class Record>
class RecordGroups {
 public:
  RecordGroups(const std::filesystem::path& folder, std::uint64_t memory_bytes)
      : bytes_(folder), memory_bytes_(memory_bytes) {}

  void add(const Record& record) { bytes_.append(record.key() >> 56, &record, sizeof record); }

  // Collective. Each rank shows its records to the others as `shared` makes them, with the same keys. Those of all
  // ranks come together at the owner of their key, in rounds: visit(std::span<const Shared>) is called on every rank
  // in each, perhaps with none, sorted; those of a key are in one round.
  template <class Share, class Visit>
  void for_each_round(comm::Communicator& world, const Share& shared, const Visit& visit) {
    using Shared = std::invoke_result_t<Share, const Record&>;
    std::vector<std::int64_t> sizes;
    for (std::size_t p = 0; p < PartitionedBytes::n_partitions; ++p)
      sizes.push_back(static_cast<std::int64_t>(bytes_.size(p)));
    for (const Round& round : rounds_of(world, sizes, memory_bytes_)) {
      std::vector<std::vector<Shared>> outgoing(static_cast<std::size_t>(world.size()));
      for (std::size_t p = round.first; p < round.end; ++p) {
        if (world.size() == 1) outgoing[0].reserve(bytes_.size(p) / sizeof(Record) / round.n_slices);
        for_each_in(p, round, [&](const Record& record) {
          outgoing[owner_of(record.key(), world.size())].push_back(shared(record));
        });
      }
      comm::Received<Shared> received = comm::exchanged(world, std::move(outgoing));
      std::sort(received.records.begin(), received.records.end());
      visit(std::span<const Shared>(received.records));
    }
  }

 private:
  // The records of a partition whose key's bits below the partition's fall into the slice.
  template <class Use>
  void for_each_in(std::size_t partition, const Round& round, const Use& use) {
    bytes_.for_each_block(partition, [&](std::span<const std::byte> block) {
      for (std::size_t at = 0; at < block.size(); at += sizeof(Record)) {
        Record record;
        std::memcpy(&record, block.data() + at, sizeof record);
        if ((record.key() << 8 >> 40) % round.n_slices == round.slice) use(record);
      }
    });
  }

  PartitionedBytes bytes_;
  std::uint64_t memory_bytes_;
};

// Calls visit(std::span<const Record>) for the sorted records of each key that more than one has.
template <class Record, class Visit>
void for_each_group(std::span<const Record> sorted, const Visit& visit) {
  for (std::size_t begin = 0, end = 0; begin < sorted.size(); begin = end) {
    while (end < sorted.size() && sorted[end].key() == sorted[begin].key()) ++end;
    if (end - begin > 1) visit(sorted.subspan(begin, end - begin));
  }
}

}  // namespace hearth::text::dedup
