// SPDX-License-Identifier: Apache-2.0
#include "formats/raw_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "lib/base/error.h"

namespace hearth::formats {
namespace {

constexpr std::size_t spool_memory_bytes = 1u << 20;
constexpr std::size_t copy_bytes = 4u << 20;
constexpr std::size_t most_at_once = 64u << 20;  // of a bulk

void write_fully(int descriptor, const std::string& name, std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw Error(Kind::io, system_error(name, errno).what());
    offset += static_cast<std::uint64_t>(done);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
}

// A file without a name in folder, open for reading and writing.
int open_nameless(const std::filesystem::path& folder) {
  const int direct = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (direct >= 0) return direct;
  std::string name = (folder / "hearth-spool-XXXXXX").string();  // file systems that know no O_TMPFILE
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named < 0)
    throw Error(Kind::io, system_error(folder.string() + ": cannot create a temporary file", errno).what());
  ::unlink(name.c_str());
  return named;
}

}  // namespace

RawFile::RawFile(std::filesystem::path path, Mode mode) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), (mode == Mode::read ? O_RDONLY : O_RDWR) | O_CLOEXEC);
  if (descriptor_ < 0) {
    throw Error(mode == Mode::read ? Kind::missing : Kind::io, system_error(path_.string(), errno).what());
  }
}

RawFile::~RawFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

RawFile::RawFile(RawFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

std::uint64_t RawFile::bytes() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) throw Error(Kind::io, system_error(path_.string(), errno).what());
  return static_cast<std::uint64_t>(status.st_size);
}

void RawFile::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t got = ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(Kind::io, system_error(path_.string(), errno).what());
    if (got == 0) throw Error(Kind::data, path_.string() + ": ends before byte " + std::to_string(offset + out.size()));
    offset += static_cast<std::uint64_t>(got);
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

void RawFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) const {
  write_fully(descriptor_, path_.string(), offset, bytes);
}

void RawFile::start_writeback(std::uint64_t offset, std::uint64_t n_bytes) const {
  // Where it is not known, a later sync has more to do.
  ::sync_file_range(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(n_bytes), SYNC_FILE_RANGE_WRITE);
}

BulkWriter::BulkWriter(const RawFile& file)
    : file_(file), direct_(::open(file.path().c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC)) {}

BulkWriter::~BulkWriter() {
  if (direct_ >= 0) ::close(direct_);
}

std::size_t BulkWriter::write_directly(std::uint64_t offset, std::span<const std::byte> bytes) {
  const bool aligned = reinterpret_cast<std::uintptr_t>(bytes.data()) % alignment == 0 && offset % alignment == 0;
  if (direct_ < 0 || !aligned) return 0;
  const std::size_t whole = bytes.size() / alignment * alignment;
  std::size_t at = 0;
  while (at < whole && at % alignment == 0) {
    const ssize_t done =
        ::pwrite(direct_, bytes.data() + at, std::min(whole - at, most_at_once), static_cast<off_t>(offset + at));
    if (done < 0 && errno == EINTR) continue;
    // Opened so, and yet not for it, or not from this memory; of a full or broken disk the page cache hears as well.
    if (done <= 0) {
      ::close(std::exchange(direct_, -1));
      return at;
    }
    at += static_cast<std::size_t>(done);
  }
  return at;
}

void BulkWriter::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  const std::size_t written = write_directly(offset, bytes);
  offset += written;
  bytes = bytes.subspan(written);
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(bytes.size(), most_at_once));
    file_.write_at(offset, piece);
    if (piece.size() >= alignment) file_.start_writeback(offset, piece.size());
    offset += piece.size();
    bytes = bytes.subspan(piece.size());
  }
}

Spool::Spool(std::filesystem::path folder) : folder_(std::move(folder)) {
  if (folder_.empty()) folder_ = ".";
}

Spool::~Spool() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Spool::Spool(Spool&& other) noexcept
    : folder_(std::move(other.folder_)),
      buffer_(std::move(other.buffer_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      spilled_(std::exchange(other.spilled_, 0)) {}

void Spool::append(std::span<const std::byte> bytes) {
  buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (buffer_.size() >= spool_memory_bytes) spill();
}

void Spool::spill() {
  if (descriptor_ < 0) descriptor_ = open_nameless(folder_);
  write_fully(descriptor_, (folder_ / "temporary file").string(), spilled_, std::as_bytes(std::span(buffer_)));
  spilled_ += buffer_.size();
  buffer_.clear();
}

void Spool::copy_to(const RawFile& out, std::uint64_t offset) {
  std::vector<std::byte> piece(static_cast<std::size_t>(std::min<std::uint64_t>(spilled_, copy_bytes)));
  for (std::uint64_t at = 0; at < spilled_;) {
    const ssize_t got =
        ::pread(descriptor_, piece.data(),
                static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), spilled_ - at)), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      throw Error(Kind::io, system_error(folder_.string() + ": temporary file", got < 0 ? errno : EIO).what());
    out.write_at(offset + at, std::span(piece).first(static_cast<std::size_t>(got)));
    at += static_cast<std::uint64_t>(got);
  }
  out.write_at(offset + spilled_, std::as_bytes(std::span(buffer_)));
}

}  // namespace hearth::formats
