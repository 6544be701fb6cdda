// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/bpe.h"

#include <algorithm>
#include <cstring>
#include <queue>
#include <tuple>

#include "lib/base/error.h"

namespace hearth::text {
namespace {

constexpr std::size_t short_piece = 48;  // up to here a scan for the lowest rank beats a heap

}  // namespace

Bpe::Bpe(std::vector<std::uint32_t> byte_ids, const std::vector<Merge>& merges, std::vector<std::string> tokens,
         bool whole_first)
    : byte_ids_(std::move(byte_ids)), rules_(merges), whole_first_(whole_first), index_(tokens) {
  if (merges.empty()) return;
  derivations_ = std::make_unique<Derivations>(rules_, byte_ids_, merges, tokens, [&](std::string_view bytes) {
    std::vector<std::uint32_t> ids;
    merge(bytes, ids);
    return ids;
  });
}

Bpe::Bpe(const CharacterLevel& level, const std::vector<Merge>& merges, bool whole_first)
    : characters_(level), rules_(merges), whole_first_(whole_first), index_(level.spelled) {}

void Bpe::encode(std::string_view piece, std::vector<std::uint32_t>& ids) const {
  if (piece.size() <= longest_searched) {
    char padded[longest_searched + TokenIndex::padding];
    std::memset(padded + piece.size(), 0, TokenIndex::padding);
    std::memcpy(padded, piece.data(), piece.size());
    const std::string_view copy(padded, piece.size());
    const std::optional<std::uint32_t> whole = index_.find(copy);
    if (whole && (whole_first_ || (derivations_ && derivations_->kind(*whole) != Derivations::Kind::none))) {
      ids.push_back(*whole);
      return;
    }
    if (piece.size() >= shortest_searched && derivations_ && search(copy, ids)) return;
  }
  merge(piece, ids);
}

void Bpe::merge(std::string_view piece, std::vector<std::uint32_t>& ids) const {
  if (piece.size() <= short_piece && !characters_ && !rules_.empty()) {
    std::uint32_t symbols[short_piece];
    for (std::size_t i = 0; i < piece.size(); ++i) symbols[i] = byte_ids_[static_cast<unsigned char>(piece[i])];
    merge_short(symbols, piece.size(), ids);
    return;
  }
  std::vector<std::uint32_t> symbols;
  symbols.reserve(piece.size());
  if (characters_) {
    characters_->append(piece, symbols);
  } else {
    for (const char c : piece) symbols.push_back(byte_ids_[static_cast<unsigned char>(c)]);
  }
  if (rules_.empty()) {
    ids.insert(ids.end(), symbols.begin(), symbols.end());
  } else if (symbols.size() <= short_piece) {
    merge_short(symbols.data(), symbols.size(), ids);
  } else {
    merge_long(symbols.data(), symbols.size(), ids);
  }
}

// Depth first, the longest token first. To any place there is at most one list of tokens, so a place from which nothing
// led on is dead for good. False, with ids as they were, when a token comes up of whose neighbours nothing is known.
bool Bpe::search(std::string_view piece, std::vector<std::uint32_t>& ids) const {
  const std::size_t n_before = ids.size();
  std::uint64_t dead[longest_searched / 64 + 1] = {};
  std::uint16_t begins[longest_searched];  // of the tokens taken
  std::size_t at = 0, below = piece.size() + 1, n_taken = 0;
  while (at < piece.size()) {
    const TokenIndex::Match match = index_.longest(piece.substr(at), below);
    if (match.length == 0) {
      if (n_taken == 0) break;  // cannot be: merging makes something of any bytes
      dead[at / 64] |= std::uint64_t{1} << (at % 64);
      below = at - begins[--n_taken];
      at = begins[n_taken];
      ids.pop_back();
      continue;
    }
    below = match.length;
    const std::size_t end = at + match.length;
    const Derivations::Kind kind = derivations_->kind(match.id);
    if (kind == Derivations::Kind::none || (dead[end / 64] >> (end % 64) & 1) != 0) continue;
    if (kind == Derivations::Kind::irregular && match.length != piece.size()) break;
    if (n_taken > 0 && !derivations_->can_follow(rules_, ids.back(), match.id)) continue;
    begins[n_taken++] = static_cast<std::uint16_t>(at);
    ids.push_back(match.id);
    at = end;
    below = piece.size() + 1;
  }
  if (at == piece.size()) return true;
  ids.resize(n_before);
  return false;
}

void Bpe::merge_short(std::uint32_t* id, std::size_t n, std::vector<std::uint32_t>& ids) const {
  std::uint32_t rank[short_piece], result[short_piece];
  const auto rate = [&](std::size_t i) {
    const MergeRules::Rule& rule = rules_.find(id[i], id[i + 1]);
    rank[i] = rule.rank;
    result[i] = rule.result;
  };
  for (std::size_t i = 0; i + 1 < n; ++i) rate(i);
  while (n > 1) {
    const std::size_t best = static_cast<std::size_t>(std::min_element(rank, rank + n - 1) - rank);
    if (rank[best] == MergeRules::no_rank) break;
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
void Bpe::merge_long(const std::uint32_t* first_symbols, std::size_t n_symbols, std::vector<std::uint32_t>& ids) const {
  constexpr std::uint32_t none = 0xffffffffu;
  struct Symbol {
    std::uint32_t id;
    std::uint32_t before, after;  // none at the ends
  };
  struct Candidate {
    std::uint32_t rank, at, result;
    bool operator>(const Candidate& other) const { return std::tie(rank, at) > std::tie(other.rank, other.at); }
  };
  if (n_symbols >= none) throw Error(Kind::data, "a piece of text of 4 GiB without a break: cut it into documents");
  const auto n = static_cast<std::uint32_t>(n_symbols);
  std::vector<Symbol> symbols(n);
  for (std::uint32_t i = 0; i < n; ++i) {
    symbols[i] = {first_symbols[i], i > 0 ? i - 1 : none, i + 1 < n ? i + 1 : none};
  }
  const auto candidate = [&](std::uint32_t at) {
    const MergeRules::Rule& rule = rules_.find(symbols[at].id, symbols[symbols[at].after].id);
    return Candidate{rule.rank, at, rule.result};
  };
  std::vector<Candidate> first;
  for (std::uint32_t i = 0; i + 1 < n; ++i) {
    if (const Candidate c = candidate(i); c.rank != MergeRules::no_rank) first.push_back(c);
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
      if (const Candidate c = candidate(symbol.before); c.rank != MergeRules::no_rank) heap.push(c);
    }
    if (symbol.after != none) {
      symbols[symbol.after].before = top.at;
      if (const Candidate c = candidate(top.at); c.rank != MergeRules::no_rank) heap.push(c);
    }
  }
  for (std::uint32_t i = 0; i != none; i = symbols[i].after) ids.push_back(symbols[i].id);
}

}  // namespace hearth::text
