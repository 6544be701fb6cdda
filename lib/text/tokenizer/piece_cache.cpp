// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/piece_cache.h"

#include <algorithm>
#include <span>

#include "lib/base/digest.h"

namespace hearth::text {
namespace {

std::size_t place_of(std::string_view piece) {
  return hash64(std::as_bytes(std::span(piece)));
}

}  // namespace

PieceCache::PieceCache() : entries_(std::size_t{2} << first_set_bits), long_entries_(n_long_entries) {}

void PieceCache::clear() {
  std::fill(entries_.begin(), entries_.end(), Entry{});
  overflow_.clear();
  n_inserted_ = 0;
}

void PieceCache::grow() {
  HugeVector<Entry> before(std::size_t{4} << set_bits_);
  before.swap(entries_);
  ++set_bits_;
  n_inserted_ = 0;
  for (std::size_t i = before.size(); i-- > 0;) {  // the newer of a set last, so that it is the newer again
    if (before[i].key != PieceKey{}) place(before[i]);
  }
}

void PieceCache::place(const Entry& entry) {
  Entry* const set = const_cast<Entry*>(set_of(entry.key));
  set[1] = set[0];
  set[0] = entry;
  ++n_inserted_;
}

void PieceCache::insert(const PieceKey& key, const std::uint32_t* ids, std::size_t n) {
  if (overflow_.size() > most_overflow) clear();
  Entry entry{key, {0, 0, 0}, static_cast<std::uint32_t>(n)};
  if (n <= n_inline) {
    std::copy_n(ids, n, entry.ids);
  } else {
    entry.ids[0] = static_cast<std::uint32_t>(overflow_.size());
    overflow_.insert(overflow_.end(), ids, ids + n);
  }
  place(entry);
}

std::span<const std::uint32_t> PieceCache::find_long(std::string_view piece) const {
  if (piece.size() > longest_cached) return {};
  const std::uint64_t hash = place_of(piece);
  const LongEntry& entry = long_entries_[hash % n_long_entries];
  if (entry.hash != hash || entry.n_bytes != piece.size()) return {};
  const std::uint32_t* const ids = long_words_.data() + entry.begin;
  if (std::memcmp(ids + entry.n_ids, piece.data(), piece.size()) != 0) return {};
  return {ids, entry.n_ids};
}

void PieceCache::insert_long(std::string_view piece, const std::uint32_t* ids, std::size_t n) {
  if (piece.size() > longest_cached) return;
  if (long_words_.size() > most_long_words) {
    long_words_.clear();
    long_entries_.assign(n_long_entries, {});
  }
  const std::uint64_t hash = place_of(piece);
  long_entries_[hash % n_long_entries] = {hash, static_cast<std::uint32_t>(long_words_.size()),
                                          static_cast<std::uint16_t>(piece.size()), static_cast<std::uint16_t>(n)};
  long_words_.insert(long_words_.end(), ids, ids + n);
  long_words_.resize(long_words_.size() + (piece.size() + 3) / 4);
  std::memcpy(long_words_.data() + long_words_.size() - (piece.size() + 3) / 4, piece.data(), piece.size());
}

}  // namespace hearth::text
