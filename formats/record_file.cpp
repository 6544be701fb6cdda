// SPDX-License-Identifier: Apache-2.0
#include "formats/record_file.h"

#include <zstd.h>

#include <cstring>
#include <span>
#include <utility>

#include "lib/base/digest.h"
#include "lib/base/error.h"

namespace hearth::formats {
namespace {

constexpr std::string_view magic = "hearth records 1";
constexpr std::size_t block_bytes = 1u << 20;
constexpr int zstd_level = 1;

struct BlockHeader {
  std::uint64_t n_records = 0, raw_bytes = 0, frame_bytes = 0, checksum = 0;
};

// Of the frame and of the numbers before it.
std::uint64_t checksum_of(const BlockHeader& header, std::span<const std::byte> frame) {
  const std::uint64_t numbers[] = {header.n_records, header.raw_bytes, header.frame_bytes};
  return hash64(frame) ^ hash64(std::as_bytes(std::span(numbers)));
}

std::string_view bytes_of(const BlockHeader& header) {
  return {reinterpret_cast<const char*>(&header), sizeof header};
}

// The block as it lies in the file: its header and its frame.
std::string framed(std::uint32_t n_records, const std::string& raw, bool plain) {
  std::string frame;
  if (!plain) {
    frame.resize(ZSTD_compressBound(raw.size()));
    const std::size_t done = ZSTD_compress(frame.data(), frame.size(), raw.data(), raw.size(), zstd_level);
    HEARTH_CHECK(!ZSTD_isError(done), ZSTD_getErrorName(done));
    frame.resize(done);
  }
  if (plain || frame.size() >= raw.size()) frame = raw;
  BlockHeader header{n_records, raw.size(), frame.size(), 0};
  header.checksum = checksum_of(header, std::as_bytes(std::span(frame)));
  return std::string(bytes_of(header)) + frame;
}

}  // namespace

RecordFileWriter::RecordFileWriter(fs::path path, ThreadPool& pool, bool plain)
    : file_(std::move(path), true), pool_(pool), plain_(plain) {
  file_.write(magic);
  blocks_.emplace_back();
}

void RecordFileWriter::add(std::string_view record) {
  Block& block = blocks_.back();
  const std::uint64_t length = record.size();
  block.bytes.append(reinterpret_cast<const char*>(&length), sizeof length).append(record);
  ++block.n_records;
  bytes_ += record.size();
  if (block.bytes.size() < block_bytes) return;
  if (blocks_.size() >= 2 * static_cast<std::size_t>(pool_.n_threads())) write_blocks();
  blocks_.emplace_back();
}

void RecordFileWriter::write_blocks() {
  pool_.for_each(static_cast<std::int64_t>(blocks_.size()), [&](std::int64_t i, int) {
    Block& block = blocks_[static_cast<std::size_t>(i)];
    block.bytes = block.n_records > 0 ? framed(block.n_records, block.bytes, plain_) : std::string();
  });
  for (const Block& block : blocks_) file_.write(block.bytes);
  blocks_.clear();
}

void RecordFileWriter::finish() {
  write_blocks();
  file_.write(bytes_of(BlockHeader{}));
  file_.commit();
}

RecordFileReader::RecordFileReader(const fs::path& path) : path_(path), file_(path), at_(magic.size()) {
  const auto bytes = file_.bytes();
  const bool whole =
      bytes.size() >= magic.size() + sizeof(BlockHeader) && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
  if (!whole) throw Error(Kind::data, path.string() + ": not a complete file of records");
}

bool RecordFileReader::next(std::string_view& record) {
  if (in_block_ == block_.size() && !load_block()) return false;
  std::uint64_t length = 0;
  const std::size_t left = block_.size() - in_block_;
  if (left >= sizeof length) std::memcpy(&length, block_.data() + in_block_, sizeof length);
  if (left < sizeof length || length > left - sizeof length) {
    throw Error(Kind::data, path_.string() + ": a record reaches beyond its block");
  }
  record = std::string_view(block_).substr(in_block_ + sizeof length, length);
  in_block_ += sizeof length + length;
  return true;
}

bool RecordFileReader::load_block() {
  const auto bytes = file_.bytes();
  BlockHeader header;
  const auto damaged = [&] { return Error(Kind::data, path_.string() + ": damaged at byte " + std::to_string(at_)); };
  if (bytes.size() - at_ < sizeof header) throw damaged();
  std::memcpy(&header, bytes.data() + at_, sizeof header);
  if (header.n_records == 0 && header.frame_bytes == 0 && header.raw_bytes == 0 && header.checksum == 0) return false;
  const std::size_t frame_at = at_ + sizeof header;
  if (header.frame_bytes > bytes.size() - frame_at) throw damaged();
  const auto frame = bytes.subspan(frame_at, header.frame_bytes);
  if (checksum_of(header, frame) != header.checksum) throw damaged();
  at_ = frame_at + frame.size();
  in_block_ = 0;
  if (header.frame_bytes == header.raw_bytes) {
    block_.assign(reinterpret_cast<const char*>(frame.data()), frame.size());
    return true;
  }
  block_.resize(header.raw_bytes);
  const std::size_t done = ZSTD_decompress(block_.data(), block_.size(), frame.data(), frame.size());
  if (ZSTD_isError(done) || done != block_.size()) throw damaged();
  return true;
}

}  // namespace hearth::formats
