// SPDX-License-Identifier: Apache-2.0
// Where a piece beyond ASCII can be cut without changing its tokens: between two characters that no token holds side by
// side, since no merge can then cross. Chinese and Japanese know no spaces; their clauses are pieces too long and too
// many to be remembered whole, but fall into words this way.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace hearth::text {

class Bridges {
 public:
  // No tokens: every pair counts as joined, nothing is cut.
  Bridges() = default;
  // Takes in the pairs of neighbouring characters of a token; of all that merging can make.
  void add(std::string_view token);
  // A token that stands for a whole piece only: no part of a piece may be that.
  void add_whole(std::string_view token) { whole_.emplace(token); }
  bool empty() const { return pairs_.empty(); }
  bool is_whole_only(std::string_view part) const { return !whole_.empty() && whole_.contains(std::string(part)); }

  // Calls cut(p) for each place in [begin, end) where the piece may be cut, ascending, neither its begin nor its end.
  template <class OnCut>
  void for_each_cut(const unsigned char* begin, const unsigned char* end, OnCut on_cut) const {
    std::uint32_t before = 0;  // the bytes of the character before; 0: none that is well-formed and beyond ASCII
    for (const unsigned char* p = begin; p < end;) {
      const unsigned length = length_of(p, end);
      const std::uint32_t here = length < 2 ? 0 : bytes_of(p, length);
      if (before != 0 && here != 0 && !joined(before, p[-1], here, *p)) on_cut(p);
      before = here;
      p += length;
    }
  }

  static constexpr unsigned pair_bits = 21;
  // Of the character at p; 1 for ASCII and for what is not well-formed, as far as lead and following bytes tell.
  static unsigned length_of(const unsigned char* p, const unsigned char* end) {
    if (*p < 0xC0) return 1;
    const unsigned length = *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : 4;
    if (static_cast<std::size_t>(end - p) < length) return 1;
    for (unsigned i = 1; i < length; ++i) {
      if ((p[i] & 0xC0) != 0x80) return 1;
    }
    return length;
  }
  static std::uint32_t bytes_of(const unsigned char* p, unsigned length) {
    std::uint32_t bytes = 0;
    for (unsigned i = 0; i < length; ++i) bytes = bytes << 8 | p[i];
    return bytes;
  }
  static std::uint32_t place_of(std::uint32_t left, std::uint32_t right) {
    const std::uint64_t key = static_cast<std::uint64_t>(left) << 32 | right;
    return static_cast<std::uint32_t>(((key ^ key >> 29) * 0x9E3779B97F4A7C15ull) >> (64 - pair_bits));
  }

 private:
  // May some token hold these characters side by side, in whole or in part?
  bool joined(std::uint32_t left, unsigned last_of_left, std::uint32_t right, unsigned first_of_right) const {
    return test(pairs_, place_of(left, right)) || test(parts_, last_of_left << 8 | first_of_right);
  }
  static bool test(const std::vector<std::uint64_t>& bits, std::uint32_t i) { return bits[i / 64] >> (i % 64) & 1; }
  static void set(std::vector<std::uint64_t>& bits, std::uint32_t i) { bits[i / 64] |= std::uint64_t{1} << (i % 64); }

  std::vector<std::uint64_t> pairs_;  // by hash: pairs of whole characters
  std::vector<std::uint64_t> parts_;  // last byte, first byte: of tokens that begin or end inside a character there
  std::unordered_set<std::string> whole_;
};

}  // namespace hearth::text
