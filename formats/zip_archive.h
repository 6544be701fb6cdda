// SPDX-License-Identifier: Apache-2.0
// Zip archives held in memory: members by name, stored or deflated, within limits, for formats that are zip files
// (office documents). Nothing in the archive is trusted: offsets, sizes and checksums are checked. zip64, other
// methods and encryption are refused by name. Source: PKWARE's APPNOTE, 4.3.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace hearth::formats {

enum class ZipFault { damaged, encrypted, too_large, unsupported };

class ZipError : public Error {
 public:
  ZipError(ZipFault fault, const std::string& message) : Error(Kind::data, message), fault_(fault) {}
  ZipFault fault() const { return fault_; }

 private:
  ZipFault fault_;
};

struct ZipLimits {
  std::size_t max_members = 20000;
  std::uint64_t max_member_bytes = 32u << 20;  // of one member, inflated
  std::uint64_t max_total_bytes = 256u << 20;  // of all that read() returns
  std::uint64_t max_ratio = 200;               // of a member's size to its packed size
  std::uint64_t free_bytes = 4u << 20;         // a member up to this size may have any ratio
};

class ZipArchive {
 public:
  // Reads the central directory. bytes must outlive the archive. Throws ZipError.
  explicit ZipArchive(std::string_view bytes, const ZipLimits& limits = {});

  bool has(std::string_view name) const { return members_.contains(name); }
  std::vector<std::string_view> names() const;  // sorted
  // A member's bytes. Throws ZipError naming it, also when there is none of that name.
  std::string read(std::string_view name);

 private:
  struct Member {
    std::uint32_t flags = 0, method = 0, crc = 0;
    std::uint64_t packed_bytes = 0, bytes = 0, header_at = 0;
  };
  std::string_view packed(std::string_view name, const Member& member) const;

  std::string_view bytes_;
  ZipLimits limits_;
  std::uint64_t total_bytes_ = 0;
  std::map<std::string_view, Member> members_;
};

// What the local headers at the beginning of an archive show, as far as head reaches: the way to tell what an archive
// is before all of it is read.
struct ZipEntry {
  std::string_view name;
  std::string_view packed;  // the part of it in head
};
std::vector<ZipEntry> zip_entries_of_head(std::string_view head);

}  // namespace hearth::formats
