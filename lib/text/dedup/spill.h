// SPDX-License-Identifier: Apache-2.0
// Intermediate results on disk: a nameless file that is appended to and read again, bytes in partitions, and tables to
// look things up in. What is written is gone when its object is, also when the process is killed. A full disk is an
// Error{io} at the write that found it, and says the folder.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "lib/base/error.h"

namespace hearth::text::dedup {

class SpillFile {
 public:
  // In folder, which must exist; empty: the system's folder for temporary files.
  explicit SpillFile(const std::filesystem::path& folder, std::size_t buffer_bytes = 1u << 18);
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  void append(const void* bytes, std::size_t n);
  template <class T>
  void append(const T& value) {
    append(&value, sizeof value);
  }
  std::uint64_t size() const { return written_ + buffer_.size(); }

  // Of what was appended; from any thread while nothing is.
  void read(std::uint64_t at, std::span<std::byte> out) const;
  template <class T>
  T read_as(std::uint64_t at) const {
    T value;
    read(at, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  // Ends appending. A file of at most so many bytes is mapped: they count as memory when they are touched.
  void end(std::uint64_t mapped_bytes);

 private:
  void flush();
  Error failed_to(const char* what, int error_number) const;

  std::filesystem::path folder_;
  int descriptor_ = -1;
  std::size_t buffer_bytes_;
  std::vector<std::byte> buffer_;
  std::uint64_t written_ = 0;
  bool ended_ = false;
  void* map_ = nullptr;
};

// Records of one size in partitions, each read back whole in the order it was written.
class PartitionedBytes {
 public:
  static constexpr std::size_t n_partitions = 256;

  // Blocks that are being filled take a part of memory_bytes.
  PartitionedBytes(const std::filesystem::path& folder, std::size_t record_bytes, std::uint64_t memory_bytes);
  void append(std::size_t partition, const void* record);
  std::uint64_t n_records(std::size_t partition) const;
  template <class Visit>
  void for_each_block(std::size_t partition, const Visit& visit) const {
    std::vector<std::byte> block(block_bytes_);
    for (const std::uint64_t at : blocks_[partition]) {
      file_.read(at, block);
      visit(std::span<const std::byte>(block));
    }
    visit(std::span<const std::byte>(open_[partition]));
  }

 private:
  std::size_t record_bytes_, block_bytes_;
  SpillFile file_;
  std::vector<std::vector<std::byte>> open_;        // of each partition, the block being filled
  std::vector<std::vector<std::uint64_t>> blocks_;  // of each partition, where its full blocks lie
};

// Records with different key(), appended in ascending order, to look up from any thread. In memory an eighth of a byte
// a record.
template <class Record>
class SortedTable {
 public:
  explicit SortedTable(const std::filesystem::path& folder) : file_(folder) {}

  void append(const Record& record) {
    if (n_++ % block_records == 0) keys_.push_back(record.key());
    file_.append(record);
  }
  std::uint64_t size() const { return n_; }

  // Visits the records with this key and larger ones, in order, while visit says so.
  template <class Visit>
  void for_each_from(std::uint64_t key, const Visit& visit) const {
    std::array<Record, block_records> block;
    std::size_t b = static_cast<std::size_t>(std::upper_bound(keys_.begin(), keys_.end(), key) - keys_.begin());
    for (b -= b > 0 ? 1 : 0; b < keys_.size(); ++b) {
      const std::span<Record> records(block.data(), std::min<std::uint64_t>(block_records, n_ - b * block_records));
      file_.read(b * block_records * sizeof(Record), std::as_writable_bytes(records));
      auto record = std::lower_bound(records.begin(), records.end(), key,
                                     [](const Record& each, std::uint64_t wanted) { return each.key() < wanted; });
      for (; record != records.end(); ++record) {
        if (!visit(*record)) return;
      }
    }
  }
  std::optional<Record> find(std::uint64_t key) const {
    std::optional<Record> found;
    for_each_from(key, [&](const Record& record) {
      if (record.key() == key) found = record;
      return false;
    });
    return found;
  }

 private:
  static constexpr std::size_t block_records = 64;
  SpillFile file_;
  std::vector<std::uint64_t> keys_;  // of the first record of each block
  std::uint64_t n_ = 0;
};

}  // namespace hearth::text::dedup
