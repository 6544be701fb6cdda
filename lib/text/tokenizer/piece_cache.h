// SPDX-License-Identifier: Apache-2.0
// The ids of pieces met before. Natural text repeats itself: nearly all its pieces are found here and never merged
// again. Sets of two entries, the older one replaced; the table grows with what it holds, to a bound.
#pragma once
#include <emmintrin.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "lib/base/huge_pages.h"

namespace hearth::text {

// A piece of at most 15 bytes as one number: its bytes, zeros, its length in the last byte.
struct PieceKey {
  static constexpr std::size_t longest = 15;
  std::uint64_t low = 0, high = 0;
  bool operator==(const PieceKey&) const = default;

  // The piece of n bytes at p; text_end bounds what may be read.
  static PieceKey of(const unsigned char* p, std::size_t n, const unsigned char* text_end) {
    alignas(16) static constexpr unsigned char mask[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                                           255, 255, 255, 255, 255, 255, 255, 255};
    PieceKey key;
    if (text_end - p >= 16) {
      const __m128i keep = _mm_loadu_si128(reinterpret_cast<const __m128i*>(mask + 16 - n));
      const __m128i bytes = _mm_and_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)), keep);
      key.low = static_cast<std::uint64_t>(_mm_cvtsi128_si64(bytes));
      key.high = static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_unpackhi_epi64(bytes, bytes)));
    } else {
      unsigned char bytes[16] = {};
      std::memcpy(bytes, p, n);
      std::memcpy(&key, bytes, 16);
    }
    key.high |= static_cast<std::uint64_t>(n) << 56;
    return key;
  }
};

class PieceCache {
 public:
  static constexpr std::uint32_t n_inline = 3;
  struct alignas(32) Entry {
    PieceKey key;
    std::uint32_t ids[n_inline]{};  // when n_ids > n_inline: ids[0] is where they begin in overflow()
    std::uint32_t n_ids = 0;
  };
  PieceCache();

  // The two entries where key is, if it is here. Asked for some pieces ahead, so that memory answers in time.
  const Entry* set_of(const PieceKey& key) const {
    const std::uint64_t mixed = (key.low ^ key.high * 0x9E3779B97F4A7C15ull) * 0xD6E8FEB86659FD93ull;
    const Entry* set = &entries_[2 * (mixed >> (64 - set_bits_))];
    __builtin_prefetch(set);
    return set;
  }
  // nullptr when the piece is not here. Which of the two it is, is no branch: it would be a wrong guess half the time.
  static const Entry* find(const Entry* set, const PieceKey& key) {
    const Entry* entry = set + (same(set[0].key, key) ? 0 : 1);
    return same(entry->key, key) ? entry : nullptr;
  }
  void insert(const PieceKey& key, const std::uint32_t* ids, std::size_t n);
  // To be called now and then, when no set is held: grows the table where it is half full.
  void make_room() {
    if (n_inserted_ > std::size_t{1} << set_bits_ && set_bits_ < most_set_bits) grow();
  }
  const std::uint32_t* overflow(const Entry& entry) const { return overflow_.data() + entry.ids[0]; }

  // The same for pieces longer than a key: banners, indentation, long names. Empty when it is not here or too long;
  // valid until the next insert_long.
  std::span<const std::uint32_t> find_long(std::string_view piece) const;
  void insert_long(std::string_view piece, const std::uint32_t* ids, std::size_t n);

 private:
  static constexpr unsigned first_set_bits = 15, most_set_bits = 20;  // 2 to 64 MiB of entries
  static constexpr std::size_t most_overflow = 1u << 22;              // ids
  static constexpr std::size_t n_long_entries = 1u << 17;
  static constexpr std::size_t longest_cached = 512;        // bytes
  static constexpr std::size_t most_long_words = 2u << 20;  // of 32 bits, of the long pieces and their ids

  static bool same(const PieceKey& a, const PieceKey& b) { return ((a.low ^ b.low) | (a.high ^ b.high)) == 0; }
  void clear();

  void place(const Entry& entry);
  void grow();

  unsigned set_bits_ = first_set_bits;
  std::size_t n_inserted_ = 0;
  HugeVector<Entry> entries_;
  std::vector<std::uint32_t> overflow_;
  struct LongEntry {
    std::uint64_t hash = 0;
    std::uint32_t begin = 0;               // in long_words_: its ids, then its bytes
    std::uint16_t n_bytes = 0, n_ids = 0;  // 0: free
  };
  std::vector<LongEntry> long_entries_;
  std::vector<std::uint32_t> long_words_;
};

}  // namespace hearth::text
