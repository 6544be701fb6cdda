// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/spill.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "lib/base/error.h"

namespace hearth::text::dedup {

SpillFile::SpillFile(const std::filesystem::path& folder, std::size_t buffer_bytes) : buffer_bytes_(buffer_bytes) {
  folder_ = folder.empty() ? std::filesystem::temp_directory_path() : folder;
  std::string name = (folder_ / "hearth-spill-XXXXXX").native();
  descriptor_ = mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) throw failed_to("make", errno);
  unlink(name.c_str());
}

Error SpillFile::failed_to(const char* what, int error_number) const {
  return system_error("cannot " + std::string(what) + " a temporary file in " + folder_.string(), error_number);
}

SpillFile::~SpillFile() {
  if (map_) munmap(map_, written_);
  if (descriptor_ >= 0) close(descriptor_);
}

void SpillFile::append(const void* bytes, std::size_t n) {
  HEARTH_CHECK(!ended_, "appended to a spill file that was ended");
  if (buffer_.size() + n > buffer_bytes_) flush();
  const auto* const begin = static_cast<const std::byte*>(bytes);
  buffer_.insert(buffer_.end(), begin, begin + n);
}

void SpillFile::flush() {
  for (std::size_t at = 0; at < buffer_.size();) {
    const ssize_t n = pwrite(descriptor_, buffer_.data() + at, buffer_.size() - at, static_cast<off_t>(written_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw failed_to("write", errno);
    at += static_cast<std::size_t>(n);
    written_ += static_cast<std::uint64_t>(n);
  }
  buffer_.clear();
}

void SpillFile::read(std::uint64_t at, std::span<std::byte> out) const {
  HEARTH_CHECK(at + out.size() <= size(), "read beyond the end of a spill file");
  if (out.empty()) return;
  if (map_) {
    std::memcpy(out.data(), static_cast<const std::byte*>(map_) + at, out.size());
    return;
  }
  const std::size_t n_written = at >= written_ ? 0 : std::min<std::uint64_t>(out.size(), written_ - at);
  for (std::size_t done = 0; done < n_written;) {
    const ssize_t n = pread(descriptor_, out.data() + done, n_written - done, static_cast<off_t>(at + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw failed_to("read", errno);
    if (n == 0)
      throw Error(Kind::io, "a temporary file in " + folder_.string() + " is shorter than what was written to it");
    done += static_cast<std::size_t>(n);
  }
  if (n_written < out.size())
    std::memcpy(out.data() + n_written, buffer_.data() + (at + n_written - written_), out.size() - n_written);
}

void SpillFile::end(std::uint64_t mapped_bytes) {
  if (ended_) return;
  flush();
  buffer_ = {};
  ended_ = true;
  if (written_ == 0 || written_ > mapped_bytes) return;
  void* const address = mmap(nullptr, written_, PROT_READ, MAP_SHARED, descriptor_, 0);
  if (address == MAP_FAILED) throw failed_to("map", errno);
  map_ = address;
}

namespace {

// All partitions' blocks take at most a sixteenth of the memory.
std::size_t block_bytes_of(std::size_t record_bytes, std::uint64_t memory_bytes) {
  const std::uint64_t share = memory_bytes / 16 / PartitionedBytes::n_partitions;
  const std::uint64_t bytes = std::clamp<std::uint64_t>(share, 1u << 9, 48u << 10);
  return std::max<std::size_t>(1, bytes / record_bytes) * record_bytes;
}

}  // namespace

PartitionedBytes::PartitionedBytes(const std::filesystem::path& folder, std::size_t record_bytes,
                                   std::uint64_t memory_bytes)
    : record_bytes_(record_bytes),
      block_bytes_(block_bytes_of(record_bytes, memory_bytes)),
      file_(folder, block_bytes_),
      open_(n_partitions),
      blocks_(n_partitions) {}

void PartitionedBytes::append(std::size_t partition, const void* record) {
  std::vector<std::byte>& open = open_[partition];
  open.reserve(block_bytes_);
  const auto* const begin = static_cast<const std::byte*>(record);
  open.insert(open.end(), begin, begin + record_bytes_);
  if (open.size() < block_bytes_) return;
  blocks_[partition].push_back(file_.size());
  file_.append(open.data(), open.size());
  open.clear();
}

std::uint64_t PartitionedBytes::n_records(std::size_t partition) const {
  return (blocks_[partition].size() * block_bytes_ + open_[partition].size()) / record_bytes_;
}

}  // namespace hearth::text::dedup
