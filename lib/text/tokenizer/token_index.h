// SPDX-License-Identifier: Apache-2.0
// Finds tokens by their bytes: those that begin at a place in a text, the longest first.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/huge_pages.h"
#include "lib/text/tokenizer/piece_cache.h"

namespace hearth::text {

class TokenIndex {
 public:
  TokenIndex() = default;
  // tokens: the bytes of each id; empty ones are left out. Two ids with the same bytes: the later counts.
  explicit TokenIndex(const std::vector<std::string>& tokens);

  // Beyond the end of text so many bytes must be readable: keys are read whole.
  static constexpr std::size_t padding = 16;
  std::optional<std::uint32_t> find(std::string_view text) const { return find_at(text, text.size()); }

  struct Match {
    std::uint32_t id;
    std::uint32_t length;  // 0: none
  };
  // The longest token that text begins with and that is shorter than `below`.
  Match longest(std::string_view text, std::size_t below) const;

 private:
  struct Slot {
    PieceKey key;  // zero: free
    std::uint64_t id = 0;
  };
  static constexpr unsigned filter_bits = 21, start_bits = 16;
  static constexpr std::size_t first_length = 3;  // that lengths_ tells; shorter ones are always tried
  static constexpr unsigned long_bit = 31;        // of lengths_: some token here is in long_
  static constexpr std::size_t longest_by_key = PieceKey::longest;

  static std::uint64_t mix(const PieceKey& key) {
    return (key.low ^ key.high * 0x9E3779B97F4A7C15ull) * 0xD6E8FEB86659FD93ull;
  }
  static std::size_t start_of(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
    return (byte(0) | byte(1) << 8 | byte(2) << 16) * 0x9E3779B1u >> (32 - start_bits);
  }
  const Slot* slot_of(const PieceKey& key) const;  // nullptr: nothing there
  Slot& slot_to_fill(const PieceKey& key);
  // The token of text's first n bytes; text may go on.
  std::optional<std::uint32_t> find_at(std::string_view text, std::size_t n) const;
  Match longest_long(std::string_view text, std::size_t most) const;
  void add_short(const std::string& token, std::uint32_t id);
  void add_long(const std::vector<std::string>& tokens);

  struct LongToken {
    std::string bytes;
    std::uint32_t id;
    bool ends_group;  // the last of those with the same 15 bytes at their beginning, which stand longest first
  };

  HugeVector<Slot> slots_;  // open addressing: of tokens up to 15 bytes their id, of 15 bytes that begin longer ones
                            // (with a length of 16 in the key) where in long_ these stand
  unsigned shift_ = 0;
  HugeVector<std::uint64_t> filter_;   // bits by hash: 0 says that there is no such slot
  HugeVector<std::uint32_t> lengths_;  // by hash of the first three bytes: which lengths occur
  std::vector<LongToken> long_;
};

}  // namespace hearth::text
