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

constexpr std::uint32_t place_limit = 64, none = MergeRules::no_rank;
constexpr std::size_t short_piece = place_limit - 2;  // up to here a scan for the lowest rank beats a heap

// A short piece while it is merged. A symbol stands where its first byte did, from place 1 on, between two symbols that
// no rule knows; `begins` has a bit for each. The pair of a symbol and the one behind it is rated by the rank of its
// rule and its place in one number: the least is the leftmost of the lowest rank.
struct ShortPiece {
  std::uint32_t id[place_limit], rating[place_limit], result[place_limit];
  std::uint64_t begins;

  void rate(std::size_t place, MergeRules::Rule rule) {
    rating[place] = rule.rank == none ? none : rule.rank * place_limit + static_cast<std::uint32_t>(place);
    result[place] = rule.result;
  }
  void rate_pair(const MergeRules& rules, std::size_t left, std::size_t right) {
    rate(left, rules.find(id[left], id[right]));
  }

  // With n > 0 symbols and the ratings of their n - 1 pairs filled in. Appends what is left to ids.
  void merge(const MergeRules& rules, std::size_t n, std::vector<std::uint32_t>& ids) {
    id[0] = id[n + 1] = none;
    rating[0] = rating[n] = rating[n + 1] = none;
    begins = (std::uint64_t{2} << (n + 1)) - 1;
    for (std::uint32_t least = least_rating(n); least != none; least = least_rating(n)) {
      const std::size_t at = least % place_limit;
      const std::uint64_t from_right = begins & (~std::uint64_t{1} << at), behind = from_right & (from_right - 1);
      const std::uint64_t before = begins & ((std::uint64_t{1} << at) - 1);
      rating[std::countr_zero(from_right)] = none;
      begins ^= from_right ^ behind;
      id[at] = result[at];
      rate_pair(rules, static_cast<std::size_t>(63 - std::countl_zero(before)), at);
      rate_pair(rules, at, static_cast<std::size_t>(std::countr_zero(behind)));
    }
    begins &= (std::uint64_t{2} << n) - 2;
    for (; begins != 0; begins &= begins - 1) ids.push_back(id[std::countr_zero(begins)]);
  }

 private:
  // Of places 0 to n. Not as vectors, which would wait for the single ratings just written.
  std::uint32_t least_rating(std::size_t n) const {
    std::uint32_t even = rating[0], odd = rating[1];
    for (std::size_t i = 2; i <= n; i += 2) {
      even = rating[i] < even ? rating[i] : even;
      odd = rating[i + 1] < odd ? rating[i + 1] : odd;
    }
    return even ^ ((even ^ odd) & (0u - (odd < even)));  // no branch: it would often be a wrong guess
  }
};

}  // namespace

Bpe::Bpe(std::vector<std::uint32_t> byte_ids, const std::vector<Merge>& merges, std::vector<std::string> tokens,
         bool whole_first)
    : byte_ids_(std::move(byte_ids)), rules_(merges), whole_first_(whole_first), index_(tokens) {
  if (merges.empty()) return;
  if (merges.size() >= none / place_limit) throw Error(Kind::data, std::to_string(merges.size()) + " merges, too many");
  fill_byte_rules();
  derivations_ = std::make_unique<Derivations>(rules_, byte_ids_, merges, tokens, [&](std::string_view bytes) {
    std::vector<std::uint32_t> ids;
    merge(bytes, ids);
    return ids;
  });
  rules_ = MergeRules(merges, [&](std::uint32_t rank) { return derivations_->is_used(merges[rank], rank); });
  fill_byte_rules();
}

void Bpe::fill_byte_rules() {
  byte_rules_.resize(std::size_t{1} << 16);
  for (std::size_t i = 0; i < byte_rules_.size(); ++i) {
    byte_rules_[i] = rules_.find(byte_ids_[i >> 8], byte_ids_[i & 255]);
  }
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
  if (piece.size() <= short_piece && !byte_rules_.empty()) {
    merge_short_bytes(piece, ids);
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
    merge_short(symbols, ids);
  } else {
    merge_long(symbols.data(), symbols.size(), ids);
  }
}

void Bpe::merge_short_bytes(std::string_view bytes, std::vector<std::uint32_t>& ids) const {
  if (bytes.empty()) return;
  ShortPiece piece;
  const auto* const p = reinterpret_cast<const unsigned char*>(bytes.data());
  for (std::size_t i = 0; i < bytes.size(); ++i) piece.id[i + 1] = byte_ids_[p[i]];
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i) piece.rate(i + 1, byte_rules_[std::size_t{p[i]} << 8 | p[i + 1]]);
  piece.merge(rules_, bytes.size(), ids);
}

void Bpe::merge_short(const std::vector<std::uint32_t>& symbols, std::vector<std::uint32_t>& ids) const {
  if (symbols.empty()) return;
  ShortPiece piece;
  std::copy(symbols.begin(), symbols.end(), piece.id + 1);
  for (std::size_t i = 1; i < symbols.size(); ++i) piece.rate_pair(rules_, i, i + 1);
  piece.merge(rules_, symbols.size(), ids);
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

// Symbols in a linked list, candidate merges in a heap; a candidate whose pair has changed since is dropped when
// popped.
void Bpe::merge_long(const std::uint32_t* first_symbols, std::size_t n_symbols, std::vector<std::uint32_t>& ids) const {
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
    const MergeRules::Rule rule = rules_.find(symbols[at].id, symbols[symbols[at].after].id);
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
