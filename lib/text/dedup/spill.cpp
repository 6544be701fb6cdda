// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/spill.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "lib/base/error.h"

namespace hearth::text::dedup {

SpillFile::SpillFile(const std::filesystem::path& folder, std::size_t buffer_bytes) : buffer_bytes_(buffer_bytes) {
  const std::filesystem::path where = folder.empty() ? std::filesystem::temp_directory_path() : folder;
  std::string name = (where / "hearth-spill-XXXXXX").native();
  descriptor_ = mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) throw system_error("cannot make a temporary file in " + where.string(), errno);
  unlink(name.c_str());
  buffer_.reserve(buffer_bytes_);
}

SpillFile::~SpillFile() {
  if (map_) munmap(map_, written_);
  if (descriptor_ >= 0) close(descriptor_);
}

void SpillFile::append(const void* bytes, std::size_t n) {
  HEARTH_CHECK(!map_, "appended to a spill file after mapping it");
  if (buffer_.size() + n > buffer_bytes_) flush();
  const auto* const begin = static_cast<const std::byte*>(bytes);
  buffer_.insert(buffer_.end(), begin, begin + n);
}

void SpillFile::flush() {
  for (std::size_t at = 0; at < buffer_.size();) {
    const ssize_t n = pwrite(descriptor_, buffer_.data() + at, buffer_.size() - at, static_cast<off_t>(written_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw system_error("writing a temporary file", errno);
    at += static_cast<std::size_t>(n);
    written_ += static_cast<std::uint64_t>(n);
  }
  buffer_.clear();
}

void SpillFile::read(std::uint64_t at, std::span<std::byte> out) {
  if (at + out.size() > written_) flush();
  for (std::size_t done = 0; done < out.size();) {
    const ssize_t n = pread(descriptor_, out.data() + done, out.size() - done, static_cast<off_t>(at + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw system_error("reading a temporary file", errno);
    if (n == 0) throw Error(Kind::io, "a temporary file is shorter than what was written to it");
    done += static_cast<std::size_t>(n);
  }
}

std::span<const std::byte> SpillFile::map() {
  if (!map_) {
    flush();
    buffer_.shrink_to_fit();
    if (written_ == 0) return {};
    void* const address = mmap(nullptr, written_, PROT_READ, MAP_SHARED, descriptor_, 0);
    if (address == MAP_FAILED) throw system_error("mapping a temporary file", errno);
    map_ = address;
  }
  return {static_cast<const std::byte*>(map_), written_};
}

PartitionedBytes::PartitionedBytes(const std::filesystem::path& folder)
    : file_(folder, block_bytes), open_(n_partitions), blocks_(n_partitions) {}

void PartitionedBytes::append(std::size_t partition, const void* bytes, std::size_t n) {
  std::vector<std::byte>& open = open_[partition];
  open.reserve(block_bytes);
  const auto* const begin = static_cast<const std::byte*>(bytes);
  open.insert(open.end(), begin, begin + n);
  if (open.size() < block_bytes) return;
  blocks_[partition].push_back(file_.size());
  file_.append(open.data(), open.size());
  open.clear();
}

std::uint64_t PartitionedBytes::size(std::size_t partition) const {
  return blocks_[partition].size() * block_bytes + open_[partition].size();
}

std::vector<Round> rounds_of(comm::Communicator& world, const std::vector<std::int64_t>& own_bytes,
                             std::uint64_t memory_bytes) {
  constexpr std::uint64_t most_slices = 1u << 24;
  // Alone, a partition at a time: it sorts well. Of many ranks each gets its share of more of them, as every round is
  // a few messages between all, and needs memory for what it sends and what it asks the others besides.
  const bool alone = world.size() == 1;
  const std::uint64_t budget = alone ? memory_bytes : memory_bytes / 4;
  std::vector<std::uint64_t> shares;
  for (const std::int64_t bytes : comm::summed(world, own_bytes))
    shares.push_back(static_cast<std::uint64_t>(bytes) / static_cast<std::uint64_t>(world.size()));
  std::vector<Round> rounds;
  for (std::size_t first = 0, end = 0; first < shares.size(); first = end) {
    std::uint64_t bytes = shares[end++];
    while (!alone && end < shares.size() && bytes + shares[end] <= budget) bytes += shares[end++];
    std::uint64_t n_slices = 1;
    while (bytes / n_slices > budget && n_slices < most_slices) n_slices *= 2;
    for (std::uint64_t slice = 0; slice < n_slices; ++slice) rounds.push_back({first, end, slice, n_slices});
  }
  return rounds;
}

}  // namespace hearth::text::dedup
