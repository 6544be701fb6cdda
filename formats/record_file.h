// SPDX-License-Identifier: Apache-2.0
// A file of byte records that a tool keeps for itself between two passes over its input: compressed, checked, read back
// in the order written. Written and read by the same build, so it is no exchange format and has no page. Layout, all
// numbers u64: the magic, then blocks of {n_records, raw bytes, frame bytes, checksum, frame}, then a
// block of no records that ends the file. A frame is zstd's, or the raw bytes where both lengths are equal. A record in
// a block is its length and its bytes.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/thread_pool.h"

namespace hearth::formats {

class RecordFileWriter {
 public:
  // Replaces what stands at path. Nothing appears there before finish(). Blocks are compressed on the pool; the bytes
  // do not depend on its size.
  // plain: not compressed, for records that hardly compress or are soon read again.
  RecordFileWriter(fs::path path, ThreadPool& pool, bool plain = false);
  void add(std::string_view record);
  std::uint64_t bytes() const { return bytes_; }  // of the records, as given
  void finish();                                  // Error{io}: a full disk

 private:
  struct Block {
    std::uint32_t n_records = 0;
    std::string bytes;  // raw; after compression the whole block as it lies in the file
  };
  void write_blocks();

  AtomicFile file_;
  ThreadPool& pool_;
  bool plain_;
  std::vector<Block> blocks_;  // the last one is being filled
  std::uint64_t bytes_ = 0;
};

class RecordFileReader {
 public:
  // Throws Error{missing} when absent, Error{data} when it is not complete.
  explicit RecordFileReader(const fs::path& path);
  // The next record, valid until the next call; false at the end. Throws Error{data} for a damaged block.
  bool next(std::string_view& record);

 private:
  bool load_block();

  fs::path path_;
  MappedFile file_;
  std::size_t at_ = 0;        // in file_: the next block
  std::string block_;         // decompressed
  std::size_t in_block_ = 0;  // the next record
};

}  // namespace hearth::formats
