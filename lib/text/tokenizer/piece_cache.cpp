// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/piece_cache.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <span>

#include "lib/base/digest.h"

namespace hearth::text {
namespace {

std::size_t place_of(std::string_view piece) {
  return hash64(std::as_bytes(std::span(piece)));
}

}  // namespace

// Pages of zeros, which are free entries, on huge pages where the system has them: look-ups all over the table
// otherwise wait for address translation.
PieceCache::PieceCache() : long_entries_(n_long_entries) {
  void* memory = mmap(nullptr, n_entries * sizeof(Entry), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  madvise(memory, n_entries * sizeof(Entry), MADV_HUGEPAGE);  // advice only; before the first touch
  entries_.reset(static_cast<Entry*>(memory));
}

void PieceCache::Unmap::operator()(Entry* entries) const {
  munmap(entries, n_entries * sizeof(Entry));
}

void PieceCache::clear() {
  madvise(entries_.get(), n_entries * sizeof(Entry), MADV_DONTNEED);  // zeros again
  overflow_.clear();
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
  Entry* set = const_cast<Entry*>(set_of(key));
  set[1] = set[0];
  set[0] = entry;
}

const PieceCache::LongEntry* PieceCache::find_long(std::string_view piece) const {
  if (piece.size() > longest_cached) return nullptr;
  const LongEntry& entry = long_entries_[place_of(piece) % n_long_entries];
  return entry.piece == piece ? &entry : nullptr;
}

void PieceCache::insert_long(std::string_view piece, const std::uint32_t* ids, std::size_t n) {
  if (piece.size() > longest_cached) return;
  LongEntry& entry = long_entries_[place_of(piece) % n_long_entries];
  entry.piece = piece;
  entry.ids.assign(ids, ids + n);
}

}  // namespace hearth::text
