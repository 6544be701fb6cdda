// SPDX-License-Identifier: Apache-2.0
// Where a piece beyond ASCII can be cut without changing its tokens: between two characters that no token holds side by
// side, since no merge can then cross. Chinese and Japanese know no spaces; their clauses are pieces too long and too
// many to be remembered whole, but fall into words this way.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
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
  void add_whole(std::string_view token) {
    whole_.emplace(token);
    set(whole_filter_, whole_place(token));
  }
  bool empty() const { return pairs_.empty(); }
  bool is_whole_only(std::string_view part) const {
    return !whole_.empty() && test(whole_filter_, whole_place(part)) && whole_.contains(std::string(part));
  }

  // Calls cut(p) for each place in [begin, end) where the piece may be cut, ascending, neither its begin nor its end.
  template <class OnCut>
  void for_each_cut(const unsigned char* begin, const unsigned char* end, OnCut on_cut) const {
    std::uint32_t before = 0;  // the bytes of the character before; 0: none that is well-formed and beyond ASCII
    for (const unsigned char* p = begin; p < end;) {
      unsigned length = 3;
      std::uint32_t here = 0;
      if (end - p >= 3 && (p[0] & 0xF0) == 0xE0 && (p[1] & 0xC0) == 0x80 && (p[2] & 0xC0) == 0x80) {
        here = std::uint32_t{p[0]} << 16 | std::uint32_t{p[1]} << 8 | p[2];
      } else {
        length = length_of(p, end);
        here = length < 2 ? 0 : bytes_of(p, length);
      }
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
  // Nearly all parts are none of these, which their length and their last bytes tell.
  static std::uint32_t whole_place(std::string_view part) {
    const char* const end = part.data() + part.size();
    std::uint64_t last = 0;
    if (part.size() >= 8) {
      std::memcpy(&last, end - 8, 8);
    } else if (part.size() >= 4) {
      std::uint32_t first = 0;
      std::memcpy(&first, part.data(), 4);
      std::memcpy(&last, end - 4, 4);
      last = last << 32 | first;
    } else {
      for (const char c : part) last = last << 8 | static_cast<unsigned char>(c);
    }
    return static_cast<std::uint32_t>(((last ^ part.size() << 59) * 0x9E3779B97F4A7C15ull) >> (64 - whole_bits));
  }
  static constexpr unsigned whole_bits = 16;
  std::unordered_set<std::string> whole_;
  std::vector<std::uint64_t> whole_filter_ = std::vector<std::uint64_t>((1u << whole_bits) / 64);
};

}  // namespace hearth::text
