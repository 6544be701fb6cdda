// SPDX-License-Identifier: Apache-2.0
// The ids of pieces met before. Natural text repeats itself: nearly all its pieces are found here and never merged
// again. Fixed size: sets of two entries, the older one replaced.
#pragma once
#include <emmintrin.h>

#include <cstdint>
#include <cstring>
#include <memory>
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
    alignas(16) unsigned char bytes[16] = {};
    if (text_end - p >= 16) {
      const __m128i keep = _mm_loadu_si128(reinterpret_cast<const __m128i*>(mask + 16 - n));
      _mm_store_si128(reinterpret_cast<__m128i*>(bytes),
                      _mm_and_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)), keep));
    } else {
      std::memcpy(bytes, p, n);
    }
    PieceKey key;
    std::memcpy(&key, bytes, 16);
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
  PieceCache() : entries_(std::make_unique<Entry[]>(2 * n_sets)) {}

  // nullptr when the piece is not here.
  const Entry* find(const PieceKey& key) const {
    const Entry* set = set_of(key);
    if (set[0].key == key) return &set[0];
    if (set[1].key == key) return &set[1];
    return nullptr;
  }
  void insert(const PieceKey& key, const std::uint32_t* ids, std::size_t n) {
    if (overflow_.size() > most_overflow) clear();
    Entry entry{key, {0, 0, 0}, static_cast<std::uint32_t>(n)};
    if (n <= n_inline) {
      std::memcpy(entry.ids, ids, n * sizeof *ids);
    } else {
      entry.ids[0] = static_cast<std::uint32_t>(overflow_.size());
      overflow_.insert(overflow_.end(), ids, ids + n);
    }
    Entry* set = const_cast<Entry*>(set_of(key));
    set[1] = set[0];
    set[0] = entry;
  }
  const std::uint32_t* overflow(const Entry& entry) const { return overflow_.data() + entry.ids[0]; }

 private:
  static constexpr std::size_t n_sets = 1u << 16;         // 4 MiB of entries
  static constexpr std::size_t most_overflow = 1u << 20;  // ids
  const Entry* set_of(const PieceKey& key) const {
    const std::uint64_t mixed = (key.low ^ key.high * 0x9E3779B97F4A7C15ull) * 0xD6E8FEB86659FD93ull;
    return &entries_[2 * (mixed >> 48)];
  }
  void clear() {
    std::fill_n(entries_.get(), 2 * n_sets, Entry{});
    overflow_.clear();
  }

  std::unique_ptr<Entry[]> entries_;
  std::vector<std::uint32_t> overflow_;
};

}  // namespace hearth::text
