// SPDX-License-Identifier: Apache-2.0
// The merge rules of BPE as a table: the rank and the result of a pair of tokens.
#pragma once
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/huge_pages.h"

namespace hearth::text {

struct Merge {
  std::uint32_t left, right, result;  // ids
};

class MergeRules {
 public:
  static constexpr std::uint32_t no_rank = 0xffffffffu;
  struct Rule {
    std::uint32_t rank, result;
  };

  // In order of rank; of two with the same pair the later counts.
  explicit MergeRules(std::span<const Merge> merges) : MergeRules(merges, [](std::uint32_t) { return true; }) {}
  // Only those for whose rank is_used says so.
  template <class IsUsed>
  MergeRules(std::span<const Merge> merges, IsUsed is_used) {
    if (merges.empty()) return;
    std::size_t n_used = 0;
    for (std::uint32_t rank = 0; rank < merges.size(); ++rank) n_used += is_used(rank);
    slots_.resize(std::bit_ceil(n_used * 4 / 3 + 2));
    shift_ = 64u - static_cast<unsigned>(std::countr_zero(slots_.size()));
    known_.resize((std::size_t{1} << known_bits) / 64);
    for (std::uint32_t rank = 0; rank < merges.size(); ++rank) {
      if (!is_used(rank)) continue;
      const std::uint64_t pair = pair_of(merges[rank].left, merges[rank].right), mixed = mix(pair);
      slots_[place_of(pair, mixed)] = {pair, {rank, merges[rank].result}};
      known_[mixed >> (64 - known_bits) >> 6] |= std::uint64_t{1} << (mixed >> (64 - known_bits) & 63);
    }
  }

  bool empty() const { return slots_.empty(); }
  // rank is no_rank where there is no rule, as for most pairs that are asked about: a bit says so, of a table that fits
  // into the second-level cache where the rules do not.
  Rule find(std::uint32_t left, std::uint32_t right) const {
    const std::uint64_t pair = pair_of(left, right), mixed = mix(pair), bit = mixed >> (64 - known_bits);
    return (known_[bit >> 6] >> (bit & 63) & 1) == 0 ? Rule{no_rank, 0} : slots_[place_of(pair, mixed)].rule;
  }

 private:
  struct Slot {
    std::uint64_t pair = ~0ull;  // left << 32 | right
    Rule rule{no_rank, 0};
  };
  static constexpr unsigned known_bits = 21;
  static std::uint64_t pair_of(std::uint32_t left, std::uint32_t right) {
    return static_cast<std::uint64_t>(left) << 32 | right;
  }
  static std::uint64_t mix(std::uint64_t pair) { return (pair ^ pair >> 29) * 0x9E3779B97F4A7C15ull; }
  std::size_t place_of(std::uint64_t pair, std::uint64_t mixed) const {
    for (std::size_t i = mixed >> shift_;; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].pair == pair || slots_[i].rule.rank == no_rank) return i;
    }
  }

  HugeVector<Slot> slots_;  // open addressing, at most three quarters full
  unsigned shift_ = 0;
  HugeVector<std::uint64_t> known_;  // bits by hash of the pair
};

}  // namespace hearth::text
