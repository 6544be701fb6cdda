// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/bpe.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <queue>
#include <tuple>

#include "lib/base/error.h"

namespace hearth::text {
namespace {

constexpr std::size_t short_piece = 48;  // up to here a scan for the lowest rank beats a heap

std::uint64_t pair_key(std::uint32_t left, std::uint32_t right) {
  return static_cast<std::uint64_t>(left) << 32 | right;
}
std::uint64_t mix(std::uint64_t key) {
  return (key ^ key >> 29) * 0x9E3779B97F4A7C15ull;
}

}  // namespace

Bpe::Bpe(std::vector<std::uint32_t> byte_ids, const std::vector<Merge>& merges,
         std::unordered_map<std::string, std::uint32_t> pieces)
    : byte_ids_(std::move(byte_ids)), pieces_(std::move(pieces)) {
  if (merges.empty()) return;
  slots_.resize(std::bit_ceil(merges.size() * 2 + 2));
  shift_ = 64u - static_cast<unsigned>(std::countr_zero(slots_.size()));
  known_.resize((std::size_t{1} << known_bits) / 64);
  for (std::uint32_t rank = 0; rank < merges.size(); ++rank) {
    slots_[place_of(merges[rank].left, merges[rank].right)] = {pair_key(merges[rank].left, merges[rank].right), rank,
                                                               merges[rank].result};
    const std::uint64_t place = mix(pair_key(merges[rank].left, merges[rank].right)) >> (64 - known_bits);
    known_[place / 64] |= std::uint64_t{1} << (place % 64);
  }
}

// Most pairs that are asked about have no rule. The bits fit into the second-level cache, the slots do not.
inline const Bpe::Slot& Bpe::find(std::uint32_t left, std::uint32_t right) const {
  const std::uint64_t key = pair_key(left, right), mixed = mix(key), place = mixed >> (64 - known_bits);
  if ((known_[place / 64] >> (place % 64) & 1) == 0) return none_;
  for (std::size_t i = mixed >> shift_;; i = (i + 1) & (slots_.size() - 1)) {
    if (slots_[i].key == key || slots_[i].rank == no_rank) return slots_[i];
  }
}

std::size_t Bpe::place_of(std::uint32_t left, std::uint32_t right) const {
  const std::uint64_t key = pair_key(left, right);
  for (std::size_t i = mix(key) >> shift_;; i = (i + 1) & (slots_.size() - 1)) {
    if (slots_[i].key == key || slots_[i].rank == no_rank) return i;
  }
}

void Bpe::encode(std::string_view piece, std::vector<std::uint32_t>& ids) const {
  if (!pieces_.empty()) {
    if (const auto whole = pieces_.find(std::string(piece)); whole != pieces_.end()) {
      ids.push_back(whole->second);
      return;
    }
  }
  if (slots_.empty()) {
    for (const char c : piece) ids.push_back(byte_ids_[static_cast<unsigned char>(c)]);
  } else if (piece.size() <= short_piece) {
    encode_short(piece, ids);
  } else {
    encode_long(piece, ids);
  }
}

void Bpe::encode_short(std::string_view piece, std::vector<std::uint32_t>& ids) const {
  std::uint32_t id[short_piece], rank[short_piece], result[short_piece];
  std::size_t n = piece.size();
  for (std::size_t i = 0; i < n; ++i) id[i] = byte_ids_[static_cast<unsigned char>(piece[i])];
  const auto rate = [&](std::size_t i) {
    const Slot& slot = find(id[i], id[i + 1]);
    rank[i] = slot.rank;
    result[i] = slot.result;
  };
  for (std::size_t i = 0; i + 1 < n; ++i) rate(i);
  while (n > 1) {
    const std::size_t best = static_cast<std::size_t>(std::min_element(rank, rank + n - 1) - rank);
    if (rank[best] == no_rank) break;
    id[best] = result[best];
    const std::size_t n_after = n - best - 2;  // symbols behind the pair
    std::memmove(id + best + 1, id + best + 2, n_after * sizeof id[0]);
    if (n_after > 0) {
      std::memmove(rank + best + 1, rank + best + 2, (n_after - 1) * sizeof rank[0]);
      std::memmove(result + best + 1, result + best + 2, (n_after - 1) * sizeof result[0]);
    }
    --n;
    if (best > 0) rate(best - 1);
    if (best + 1 < n) rate(best);
  }
  ids.insert(ids.end(), id, id + n);
}

// Symbols in a linked list, candidate merges in a heap; a candidate whose pair has changed since is dropped when
// popped.
void Bpe::encode_long(std::string_view piece, std::vector<std::uint32_t>& ids) const {
  constexpr std::uint32_t none = 0xffffffffu;
  struct Symbol {
    std::uint32_t id;
    std::uint32_t before, after;  // none at the ends
  };
  struct Candidate {
    std::uint32_t rank, at, result;
    bool operator>(const Candidate& other) const { return std::tie(rank, at) > std::tie(other.rank, other.at); }
  };
  if (piece.size() >= none) throw Error(Kind::data, "a piece of text of 4 GiB without a break: cut it into documents");
  const auto n = static_cast<std::uint32_t>(piece.size());
  std::vector<Symbol> symbols(n);
  for (std::uint32_t i = 0; i < n; ++i) {
    symbols[i] = {byte_ids_[static_cast<unsigned char>(piece[i])], i > 0 ? i - 1 : none, i + 1 < n ? i + 1 : none};
  }
  const auto candidate = [&](std::uint32_t at) {
    const Slot& slot = find(symbols[at].id, symbols[symbols[at].after].id);
    return Candidate{slot.rank, at, slot.result};
  };
  std::vector<Candidate> first;
  for (std::uint32_t i = 0; i + 1 < n; ++i) {
    if (const Candidate c = candidate(i); c.rank != no_rank) first.push_back(c);
  }
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> heap(std::greater<>{}, std::move(first));
  while (!heap.empty()) {
    const Candidate top = heap.top();
    heap.pop();
    Symbol& symbol = symbols[top.at];
    if (symbol.id == none || symbol.after == none || candidate(top.at).rank != top.rank) continue;
    Symbol& next = symbols[symbol.after];
    symbol.id = top.result;
    symbol.after = next.after;
    next.id = none;  // now part of symbol
    if (symbol.before != none) {
      if (const Candidate c = candidate(symbol.before); c.rank != no_rank) heap.push(c);
    }
    if (symbol.after != none) {
      symbols[symbol.after].before = top.at;
      if (const Candidate c = candidate(top.at); c.rank != no_rank) heap.push(c);
    }
  }
  for (std::uint32_t i = 0; i != none; i = symbols[i].after) ids.push_back(symbols[i].id);
}

}  // namespace hearth::text
