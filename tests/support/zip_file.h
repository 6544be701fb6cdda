// SPDX-License-Identifier: Apache-2.0
// Zip archives for tests: members deflated, but "mimetype".
#pragma once
#include <zlib.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hearth::testing {

inline std::string little_endian(std::uint64_t value, int n_bytes) {
  std::string bytes;
  for (int i = 0; i < n_bytes; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  return bytes;
}

inline std::string deflated(const std::string& bytes) {
  std::string out(compressBound(bytes.size()) + 64, '\0');
  z_stream stream{};
  deflateInit2(&stream, 1, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// members: name, bytes
inline std::string zip_of(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string zip, directory;
  for (const auto& [name, bytes] : members) {
    const bool stored = name == "mimetype";
    const std::string packed = stored ? bytes : deflated(bytes);
    const auto crc = crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
    const std::string common = little_endian(0, 2) + little_endian(stored ? 0 : 8, 2) + little_endian(0, 4) +
                               little_endian(crc, 4) + little_endian(packed.size(), 4) +
                               little_endian(bytes.size(), 4) + little_endian(name.size(), 2) + little_endian(0, 2);
    directory += "PK\x01\x02" + little_endian(20, 2) + little_endian(20, 2) + common + std::string(10, '\0') +
                 little_endian(zip.size(), 4) + name;
    zip += "PK\x03\x04" + little_endian(20, 2) + common + name + packed;
  }
  const std::string n = little_endian(members.size(), 2);
  return zip + directory + "PK\x05\x06" + little_endian(0, 4) + n + n + little_endian(directory.size(), 4) +
         little_endian(zip.size(), 4) + little_endian(0, 2);
}

}  // namespace hearth::testing
