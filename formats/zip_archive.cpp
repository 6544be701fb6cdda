// SPDX-License-Identifier: Apache-2.0
#include "formats/zip_archive.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "lib/base/text.h"

namespace hearth::formats {
namespace {

constexpr std::string_view end_magic = "PK\x05\x06", central_magic = "PK\x01\x02", local_magic = "PK\x03\x04";
constexpr std::size_t end_bytes = 22, central_bytes = 46, local_bytes = 30;
constexpr std::size_t max_comment_bytes = 65535;
constexpr std::uint32_t flag_encrypted = 1, flag_sizes_follow = 8;
constexpr std::uint32_t method_stored = 0, method_deflated = 8;
constexpr std::size_t max_head_entries = 64;

// Little-endian numbers of a record that is known to lie within the archive.
struct Record {
  std::string_view bytes;
  std::uint32_t u16(std::size_t at) const { return byte(at) | byte(at + 1) << 8; }
  std::uint32_t u32(std::size_t at) const { return u16(at) | u16(at + 2) << 16; }
  std::uint32_t byte(std::size_t at) const { return static_cast<unsigned char>(bytes[at]); }
};

ZipError damaged(const std::string& what) {
  return {ZipFault::damaged, what};
}

// size bytes at `at`, which begin with magic.
Record record_at(std::string_view bytes, std::uint64_t at, std::size_t size, std::string_view magic) {
  if (at > bytes.size() || bytes.size() - at < size) throw damaged("a zip archive that is cut or damaged");
  const Record record{bytes.substr(at, size)};
  if (!record.bytes.starts_with(magic)) throw damaged("a zip archive whose directory is damaged");
  return record;
}

std::size_t find_end(std::string_view bytes) {
  if (bytes.size() < end_bytes) throw damaged("too short for a zip archive");
  const std::size_t last = bytes.size() - end_bytes;
  const std::size_t first = last > max_comment_bytes ? last - max_comment_bytes : 0;
  const std::size_t at = bytes.substr(0, last + end_magic.size()).rfind(end_magic);
  if (at == std::string_view::npos || at < first) throw damaged("a zip archive without its end: it is cut");
  return at;
}

std::string inflate_raw(std::string_view packed, std::size_t size, std::string_view name) {
  std::string out(std::max<std::size_t>(size, 1), '\0');
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw Error(Kind::internal, "zlib does not start");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = inflate(&stream, Z_FINISH);
  const bool good = result == Z_STREAM_END && stream.total_out == size;
  inflateEnd(&stream);
  if (!good) throw damaged(std::string(name) + ": its compressed data are damaged");
  out.resize(size);
  return out;
}

std::uint32_t crc_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

}  // namespace

ZipArchive::ZipArchive(std::string_view bytes, const ZipLimits& limits) : bytes_(bytes), limits_(limits) {
  const Record end = record_at(bytes, find_end(bytes), end_bytes, end_magic);
  const std::size_t n_members = end.u16(10);
  std::uint64_t at = end.u32(16);
  if (n_members == 0xffff || at == 0xffffffff) throw ZipError(ZipFault::unsupported, "a zip64 archive");
  if (n_members > limits.max_members) {
    throw ZipError(ZipFault::too_large, "a zip archive of " + std::to_string(n_members) + " members; at most " +
                                            std::to_string(limits.max_members) + " are read");
  }
  for (std::size_t i = 0; i < n_members; ++i) {
    const Record entry = record_at(bytes, at, central_bytes, central_magic);
    const std::size_t name_bytes = entry.u16(28);
    at += central_bytes;
    if (bytes.size() - at < name_bytes) throw damaged("a zip archive whose directory is cut");
    members_.try_emplace(bytes.substr(at, name_bytes), Member{.flags = entry.u16(8),
                                                              .method = entry.u16(10),
                                                              .crc = entry.u32(16),
                                                              .packed_bytes = entry.u32(20),
                                                              .bytes = entry.u32(24),
                                                              .header_at = entry.u32(42)});
    at += name_bytes + entry.u16(30) + entry.u16(32);
  }
}

std::vector<std::string_view> ZipArchive::names() const {
  std::vector<std::string_view> names;
  names.reserve(members_.size());
  for (const auto& [name, member] : members_) names.push_back(name);
  return names;
}

std::string_view ZipArchive::packed(std::string_view name, const Member& member) const {
  const Record local = record_at(bytes_, member.header_at, local_bytes, local_magic);
  const std::uint64_t begin = member.header_at + local_bytes + local.u16(26) + local.u16(28);
  if (begin > bytes_.size() || bytes_.size() - begin < member.packed_bytes)
    throw damaged(std::string(name) + ": it reaches beyond the end of the archive");
  return bytes_.substr(begin, member.packed_bytes);
}

std::string ZipArchive::read(std::string_view name) {
  const auto found = members_.find(name);
  if (found == members_.end()) throw damaged("no member " + std::string(name) + " in the archive");
  const Member& member = found->second;
  if ((member.flags & flag_encrypted) != 0)
    throw ZipError(ZipFault::encrypted, std::string(name) + " needs a password");
  if (member.bytes == 0xffffffff || member.packed_bytes == 0xffffffff || member.header_at == 0xffffffff)
    throw ZipError(ZipFault::unsupported, "a zip64 archive");
  total_bytes_ += member.bytes;
  const bool dense = member.bytes > limits_.free_bytes && member.bytes / limits_.max_ratio > member.packed_bytes;
  if (dense || member.bytes > limits_.max_member_bytes || total_bytes_ > limits_.max_total_bytes) {
    throw ZipError(ZipFault::too_large, std::string(name) + " unpacks from " +
                                            human_bytes(static_cast<double>(member.packed_bytes)) + " to " +
                                            human_bytes(static_cast<double>(member.bytes)));
  }
  const std::string_view data = packed(name, member);
  std::string out;
  if (member.method == method_stored && member.bytes == member.packed_bytes) {
    out = data;
  } else if (member.method == method_deflated) {
    out = inflate_raw(data, member.bytes, name);
  } else {
    throw ZipError(ZipFault::unsupported, std::string(name) + ": compression method " + std::to_string(member.method));
  }
  if (crc_of(out) != member.crc) throw damaged(std::string(name) + ": its checksum is wrong");
  return out;
}

std::vector<ZipEntry> zip_entries_of_head(std::string_view head) {
  std::vector<ZipEntry> entries;
  while (head.size() >= local_bytes && head.starts_with(local_magic) && entries.size() < max_head_entries) {
    const Record local{head};
    const bool sizes_follow = (local.u16(6) & flag_sizes_follow) != 0;
    const std::size_t packed_bytes = local.u32(18), name_bytes = local.u16(26), extra_bytes = local.u16(28);
    head.remove_prefix(local_bytes);
    if (head.size() < name_bytes) break;
    const std::string_view name = head.substr(0, name_bytes);
    head.remove_prefix(std::min(head.size(), name_bytes + extra_bytes));
    entries.push_back({name, head.substr(0, packed_bytes)});
    if (sizes_follow && packed_bytes == 0) break;
    head.remove_prefix(std::min(head.size(), packed_bytes));
  }
  return entries;
}

}  // namespace hearth::formats
