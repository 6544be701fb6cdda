// SPDX-License-Identifier: Apache-2.0
// Positioned reads and writes that any number of threads may make at once, and a spool for data whose length is known
// only at the end. The codecs use them for everything that need not pass HDF5's lock.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace hearth::formats {

// A file open for positioned access; thread-safe.
class RawFile {
 public:
  enum class Mode { read, write };  // write: an existing file, in place

  // Error{missing} when it cannot be opened for reading, Error{io} for writing.
  RawFile(std::filesystem::path path, Mode mode);
  ~RawFile();
  RawFile(RawFile&& other) noexcept;
  RawFile& operator=(RawFile&&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t bytes() const;  // the file's length now
  // Fills out from offset on. Error{data} when the file ends before, Error{io} when reading fails.
  void read_at(std::uint64_t offset, std::span<std::byte> out) const;
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) const;  // Error{io}
  void start_writeback(std::uint64_t offset, std::uint64_t n_bytes) const;      // to the disk, of what was written
  // The elements [first, first + count) of an array of T that starts at offset.
  template <class T>
  std::vector<T> read_array(std::uint64_t offset, std::uint64_t first, std::uint64_t count) const {
    std::vector<T> out(count);
    read_at(offset + first * sizeof(T), std::as_writable_bytes(std::span(out)));
    return out;
  }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

// Writes much into a file at a time, so that little is left to a later sync: past the page cache, which would copy all
// of it once more and lose other pages for it, where the file system and the memory's alignment allow that; else the
// disk is set to work at once. For one thread.
class BulkWriter {
 public:
  static constexpr std::size_t alignment = 4096;  // of memory and offsets, for the short way

  explicit BulkWriter(const RawFile& file);  // which must outlive this, and keep its name
  ~BulkWriter();
  BulkWriter(const BulkWriter&) = delete;
  BulkWriter& operator=(const BulkWriter&) = delete;

  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);  // Error{io}

 private:
  // Returns how many of the first bytes are written, maybe none.
  std::size_t write_directly(std::uint64_t offset, std::span<const std::byte> bytes);

  const RawFile& file_;
  int direct_ = -1;  // none: the file system has no such thing
};

// Bytes appended one after the other and copied out once. The first megabyte stays in memory; beyond it a nameless
// temporary file in folder holds them, which is gone when the process is.
class Spool {
 public:
  explicit Spool(std::filesystem::path folder);
  ~Spool();
  Spool(Spool&& other) noexcept;
  Spool& operator=(Spool&&) = delete;

  void append(std::span<const std::byte> bytes);  // Error{io}
  template <class T>
  void append_value(const T& value) {
    append(std::as_bytes(std::span(&value, 1)));
  }
  std::uint64_t bytes() const { return spilled_ + buffer_.size(); }
  void copy_to(const RawFile& out, std::uint64_t offset);  // all of it

 private:
  void spill();

  std::filesystem::path folder_;
  std::string buffer_;
  int descriptor_ = -1;
  std::uint64_t spilled_ = 0;
};

}  // namespace hearth::formats
