// SPDX-License-Identifier: Apache-2.0
// Intermediate results on disk: a nameless file that is appended to and then mapped, and records that are brought
// together by key within a memory budget. What is written is gone when its object is, also when the process is killed.
// A full disk is an Error{io} at the write that found it.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

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

// Record: trivially copyable, with key() (64 bits, its high ones uniform) and a total order by key first.
template <class Record>
class RecordGroups {
 public:
  RecordGroups(const std::filesystem::path& folder, std::uint64_t memory_bytes)
      : bytes_(folder), memory_bytes_(memory_bytes) {}

  void add(const Record& record) { bytes_.append(record.key() >> 56, &record, sizeof record); }

  // Calls visit(std::span<const Record>) for all records of one key, in order, keys ascending; lone records are left
  // out. Takes memory_bytes at most, unless the records of one key alone are more.
  template <class Visit>
  void for_each_group(Visit visit) {
    for (std::size_t partition = 0; partition < PartitionedBytes::n_partitions; ++partition) {
      std::uint64_t n_slices = 1;
      while (bytes_.size(partition) / n_slices > memory_bytes_ && n_slices < most_slices) n_slices *= 2;
      for (std::uint64_t slice = 0; slice < n_slices; ++slice) visit_groups(load(partition, slice, n_slices), visit);
    }
  }

 private:
  static constexpr std::uint64_t most_slices = 1u << 24;

  // The records whose key's bits below the partition's fall into the slice, sorted.
  std::vector<Record> load(std::size_t partition, std::uint64_t slice, std::uint64_t n_slices) {
    std::vector<Record> records;
    records.reserve(bytes_.size(partition) / sizeof(Record) / n_slices);
    bytes_.for_each_block(partition, [&](std::span<const std::byte> block) {
      for (std::size_t at = 0; at < block.size(); at += sizeof(Record)) {
        Record record;
        std::memcpy(&record, block.data() + at, sizeof record);
        if ((record.key() << 8 >> 40) % n_slices == slice) records.push_back(record);
      }
    });
    std::sort(records.begin(), records.end());
    return records;
  }

  template <class Visit>
  static void visit_groups(const std::vector<Record>& records, Visit& visit) {
    for (std::size_t begin = 0, end = 0; begin < records.size(); begin = end) {
      while (end < records.size() && records[end].key() == records[begin].key()) ++end;
      if (end - begin > 1) visit(std::span(records).subspan(begin, end - begin));
    }
  }

  PartitionedBytes bytes_;
  std::uint64_t memory_bytes_;
};

}  // namespace hearth::text::dedup
