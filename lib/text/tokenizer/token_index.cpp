// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/token_index.h"

#include <algorithm>
#include <bit>
#include <tuple>

namespace hearth::text {

namespace {

PieceKey key_of(std::string_view text, std::size_t n) {
  const auto* const p = reinterpret_cast<const unsigned char*>(text.data());
  return PieceKey::of(p, n, p + TokenIndex::padding);
}

// Of what begins with these 15 bytes and is longer.
PieceKey long_key_of(std::string_view text) {
  PieceKey key = key_of(text, PieceKey::longest);
  key.high ^= std::uint64_t{PieceKey::longest ^ (PieceKey::longest + 1)} << 56;
  return key;
}

}  // namespace

TokenIndex::TokenIndex(const std::vector<std::string>& tokens)
    : filter_((std::size_t{1} << filter_bits) / 64), lengths_(std::size_t{1} << start_bits) {
  slots_.resize(std::bit_ceil(tokens.size() * 2 + 2));
  shift_ = 64u - static_cast<unsigned>(std::countr_zero(slots_.size()));
  for (std::uint32_t id = 0; id < tokens.size(); ++id) {
    if (!tokens[id].empty() && tokens[id].size() <= longest_by_key) add_short(tokens[id], id);
  }
  add_long(tokens);
}

void TokenIndex::add_short(const std::string& token, std::uint32_t id) {
  if (token.size() >= first_length) lengths_[start_of(token)] |= 1u << (token.size() - first_length);
  slot_to_fill(key_of(token + std::string(padding, 0), token.size())).id = id;
}

void TokenIndex::add_long(const std::vector<std::string>& tokens) {
  for (std::uint32_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id].size() > longest_by_key) long_.push_back({tokens[id], id, true});
  }
  const auto begin_of = [](const LongToken& token) { return std::string_view(token.bytes).substr(0, longest_by_key); };
  std::sort(long_.begin(), long_.end(), [&](const LongToken& a, const LongToken& b) {
    return std::tuple(begin_of(a), b.bytes.size(), a.id) < std::tuple(begin_of(b), a.bytes.size(), b.id);
  });
  for (std::size_t i = 0; i < long_.size(); ++i) {
    lengths_[start_of(long_[i].bytes)] |= 1u << long_bit;
    long_[i].ends_group = i + 1 == long_.size() || begin_of(long_[i]) != begin_of(long_[i + 1]);
    if (i == 0 || long_[i - 1].ends_group) slot_to_fill(long_key_of(long_[i].bytes)).id = i;
  }
}

TokenIndex::Slot& TokenIndex::slot_to_fill(const PieceKey& key) {
  const std::uint64_t mixed = mix(key), bit = mixed >> (64 - filter_bits);
  filter_[bit / 64] |= std::uint64_t{1} << (bit % 64);
  std::size_t place = mixed >> shift_;
  while (slots_[place].key != PieceKey{} && slots_[place].key != key) place = (place + 1) & (slots_.size() - 1);
  slots_[place].key = key;
  return slots_[place];
}

const TokenIndex::Slot* TokenIndex::slot_of(const PieceKey& key) const {
  const std::uint64_t mixed = mix(key), bit = mixed >> (64 - filter_bits);
  if ((filter_[bit / 64] >> (bit % 64) & 1) == 0) return nullptr;
  for (std::size_t place = mixed >> shift_; slots_[place].key != PieceKey{};
       place = (place + 1) & (slots_.size() - 1)) {
    if (slots_[place].key == key) return &slots_[place];
  }
  return nullptr;
}

std::optional<std::uint32_t> TokenIndex::find_at(std::string_view text, std::size_t n) const {
  if (n == 0 || slots_.empty()) return std::nullopt;
  if (n > longest_by_key) {
    const Match found = longest_long(text.substr(0, n), n);
    return found.length == n ? std::optional(found.id) : std::nullopt;
  }
  const Slot* const slot = slot_of(key_of(text, n));
  return slot == nullptr ? std::nullopt : std::optional(static_cast<std::uint32_t>(slot->id));
}

TokenIndex::Match TokenIndex::longest_long(std::string_view text, std::size_t most) const {
  const Slot* const slot = slot_of(long_key_of(text));
  if (slot == nullptr) return {0, 0};
  for (std::size_t i = slot->id;; ++i) {
    const std::string& bytes = long_[i].bytes;
    if (bytes.size() <= most && text.starts_with(bytes)) return {long_[i].id, static_cast<std::uint32_t>(bytes.size())};
    if (long_[i].ends_group) return {0, 0};
  }
}

TokenIndex::Match TokenIndex::longest(std::string_view text, std::size_t below) const {
  const std::size_t most = std::min(text.size(), below - 1);
  const auto match = [&](std::size_t n) {
    const std::optional<std::uint32_t> id = find_at(text, n);
    return id ? Match{*id, static_cast<std::uint32_t>(n)} : Match{0, 0};
  };
  if (most >= first_length) {
    const std::uint32_t lengths = lengths_[start_of(text)];
    if (lengths >> long_bit != 0 && most > longest_by_key) {
      if (const Match found = longest_long(text, most); found.length != 0) return found;
    }
    const std::size_t short_most = std::min(most, longest_by_key);
    std::uint32_t left = lengths & ((1u << (short_most - first_length + 1)) - 1);
    while (left != 0) {
      const auto highest = static_cast<unsigned>(31 - std::countl_zero(left));
      if (const Match found = match(highest + first_length); found.length != 0) return found;
      left &= ~(1u << highest);
    }
  }
  for (std::size_t n = std::min<std::size_t>(most, first_length - 1); n > 0; --n) {
    if (const Match found = match(n); found.length != 0) return found;
  }
  return {0, 0};
}

}  // namespace hearth::text
