// SPDX-License-Identifier: Apache-2.0
// Two hashes: XXH3 for checksums and look-up keys (fast, not secure), SHA-256 to identify inputs in provenance.
#pragma once
#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace hearth {

struct Hash128 {
  std::uint64_t high = 0, low = 0;
  auto operator<=>(const Hash128&) const = default;
  std::string hex() const;  // 32 lower-case digits
};

std::uint64_t hash64(std::span<const std::byte> bytes);  // XXH3, 64 bits, seed 0
Hash128 hash128(std::span<const std::byte> bytes);       // XXH3, 128 bits, seed 0
Hash128 hash128(std::string_view text);

// SHA-256 fed piecewise.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::span<const std::byte> bytes);
  void update(std::string_view text) { update(std::as_bytes(std::span(text.data(), text.size()))); }
  std::string hex();  // 64 lower-case digits; ends the object's use

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::string_view text);
std::string hmac_sha256_hex(std::string_view key, std::string_view message);  // RFC 2104
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace hearth
