// SPDX-License-Identifier: Apache-2.0
// The ids of pieces met before. Natural text repeats itself: nearly all its pieces are found here and never merged
// again. Fixed size: sets of two entries, the older one replaced.
#pragma once
#include <emmintrin.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

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
    std::uint32_t ids[n_inline];  // when n_ids > n_inline: ids[0] is where they begin in overflow()
    std::uint32_t n_ids;
  };
  PieceCache();

  // The two entries where key is, if it is here. Asked for some pieces ahead, so that memory answers in time.
  const Entry* set_of(const PieceKey& key) const {
    const std::uint64_t mixed = (key.low ^ key.high * 0x9E3779B97F4A7C15ull) * 0xD6E8FEB86659FD93ull;
    const Entry* set = &entries_[2 * (mixed >> (64 - set_bits))];
    __builtin_prefetch(set);
    return set;
  }
  // nullptr when the piece is not here. Which of the two it is, is no branch: it would be a wrong guess half the time.
  static const Entry* find(const Entry* set, const PieceKey& key) {
    const Entry* entry = set + (same(set[0].key, key) ? 0 : 1);
    return same(entry->key, key) ? entry : nullptr;
  }
  void insert(const PieceKey& key, const std::uint32_t* ids, std::size_t n);
  const std::uint32_t* overflow(const Entry& entry) const { return overflow_.data() + entry.ids[0]; }

  // The same for pieces longer than a key: banners, indentation, long names. nullptr when it is not here or too long.
  struct LongEntry {
    std::string piece;
    std::vector<std::uint32_t> ids;
  };
  const LongEntry* find_long(std::string_view piece) const;
  void insert_long(std::string_view piece, const std::uint32_t* ids, std::size_t n);

 private:
  static constexpr unsigned set_bits = 18;  // 16 MiB of entries, of which memory is taken as they are used
  static constexpr std::size_t n_entries = 2u << set_bits;
  static constexpr std::size_t most_overflow = 1u << 20;  // ids
  static constexpr std::size_t n_long_entries = 1u << 15;
  static constexpr std::size_t longest_cached = 512;  // bytes

  static bool same(const PieceKey& a, const PieceKey& b) { return ((a.low ^ b.low) | (a.high ^ b.high)) == 0; }
  void clear();

  struct Unmap {
    void operator()(Entry* entries) const;
  };
  std::unique_ptr<Entry[], Unmap> entries_;
  std::vector<std::uint32_t> overflow_;
  std::vector<LongEntry> long_entries_;
};

}  // namespace hearth::text
