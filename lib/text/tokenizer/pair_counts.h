// SPDX-License-Identifier: Apache-2.0
// The counts of pairs of neighbours during BPE training: an open-addressing table that only grows.
#pragma once
#include <bit>
#include <cstdint>
#include <vector>

#include "lib/base/error.h"

namespace hearth::text {

class PairCounts {
 public:
  static constexpr std::uint32_t unchanged = 0xffffffffu;
  struct Entry {
    std::uint64_t pair = free_pair;
    std::int64_t count = 0;
    std::uint32_t changed = unchanged;  // the trainer's mark
  };

  // The references hold until the next find_or_add.
  Entry& find_or_add(std::uint64_t pair) {
    if (n_ * 2 >= entries_.size()) grow();
    Entry& entry = entries_[slot_of(pair)];
    if (entry.pair == free_pair) {
      entry.pair = pair;
      ++n_;
    }
    return entry;
  }
  Entry& at(std::uint64_t pair) {
    Entry& entry = entries_[slot_of(pair)];
    HEARTH_CHECK(entry.pair == pair, "a queued pair was never counted");
    return entry;
  }

 private:
  static constexpr std::uint64_t free_pair = ~0ull;
  std::size_t slot_of(std::uint64_t pair) const {
    const std::size_t mask = entries_.size() - 1;
    std::size_t slot = ((pair ^ pair >> 29) * 0x9E3779B97F4A7C15ull) >> shift_;
    while (entries_[slot].pair != pair && entries_[slot].pair != free_pair) slot = (slot + 1) & mask;
    return slot;
  }
  void grow() {
    std::vector<Entry> old(entries_.empty() ? 1024 : entries_.size() * 2);
    old.swap(entries_);
    shift_ = 64u - static_cast<unsigned>(std::countr_zero(entries_.size()));
    for (const Entry& entry : old) {
      if (entry.pair != free_pair) entries_[slot_of(entry.pair)] = entry;
    }
  }

  std::vector<Entry> entries_;
  std::size_t n_ = 0;
  unsigned shift_ = 0;
};

}  // namespace hearth::text
