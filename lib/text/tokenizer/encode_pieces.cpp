// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/encode_pieces.h"

#include <algorithm>

namespace hearth::text {
namespace {

// Ids on their way into the vector, some hundred at a time.
class Output {
 public:
  explicit Output(std::vector<std::uint32_t>& ids) : ids_(ids) {}
  ~Output() { flush(); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void add_entry(const PieceCache& cache, const PieceCache::Entry& entry) {
    if (entry.n_ids <= PieceCache::n_inline) {
      std::memcpy(buffer_ + n_, entry.ids, sizeof entry.ids);
      n_ += entry.n_ids;
      if (n_ >= capacity) flush();
      return;
    }
    add(cache.overflow(entry), entry.n_ids);
  }
  void add(const std::uint32_t* ids, std::size_t n) {
    if (n > most_buffered) {
      direct().insert(ids_.end(), ids, ids + n);
      return;
    }
    std::copy_n(ids, n, buffer_ + n_);
    n_ += n;
    if (n_ >= capacity) flush();
  }
  std::vector<std::uint32_t>& direct() {
    flush();
    return ids_;
  }

 private:
  void flush() {
    ids_.insert(ids_.end(), buffer_, buffer_ + n_);
    n_ = 0;
  }
  static constexpr std::size_t capacity = 1024, most_buffered = 64;
  std::vector<std::uint32_t>& ids_;
  std::uint32_t buffer_[capacity + most_buffered];
  std::size_t n_ = 0;
};

// Pieces are cut some at a time, each asking memory for its place in the cache; then they are looked up.
struct Pending {
  PieceKey key;                  // of a piece short enough for the cache
  const PieceCache::Entry* set;  // nullptr: too long
  const unsigned char* begin;
};

void ask_for(const PieceCache& cache, const unsigned char* begin, const unsigned char* const* ends, std::size_t n,
             const unsigned char* text_end, Pending* pending) {
  for (std::size_t i = 0; i < n; begin = ends[i], ++i) {
    const auto length = static_cast<std::size_t>(ends[i] - begin);
    pending[i].begin = begin;
    pending[i].set = nullptr;
    if (length > PieceKey::longest) continue;
    pending[i].key = PieceKey::of(begin, length, text_end);
    pending[i].set = cache.set_of(pending[i].key);
  }
}

// The ids of a piece that is not among the short ones met before.
void encode_rare(const Bpe& bpe, PieceCache& cache, const Pending& piece, const unsigned char* end, Output& output) {
  const std::string_view text(reinterpret_cast<const char*>(piece.begin), static_cast<std::size_t>(end - piece.begin));
  if (piece.set == nullptr) {
    if (const std::span<const std::uint32_t> known = cache.find_long(text); !known.empty()) {
      output.add(known.data(), known.size());
      return;
    }
  }
  std::vector<std::uint32_t>& ids = output.direct();
  const std::size_t before = ids.size();
  bpe.encode(text, ids);
  if (piece.set != nullptr) {
    cache.insert(piece.key, ids.data() + before, ids.size() - before);
  } else {
    cache.insert_long(text, ids.data() + before, ids.size() - before);
  }
}

}  // namespace

void encode_pieces(const PieceCutter& cutter, const Bpe& bpe, PieceCache& cache, std::string_view text,
                   std::vector<std::uint32_t>& ids) {
  if (!bpe.has_merges()) {
    bpe.encode(text, ids);
    return;
  }
  Output output(ids);
  const unsigned char* ends[PieceCutter::most_ends];
  Pending pending[PieceCutter::most_ends];
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = p + text.size();
  while (p < end) {
    cache.make_room();
    const std::size_t n = cutter.cut(text, p, ends);
    ask_for(cache, p, ends, n, end, pending);
    for (std::size_t i = 0; i < n; ++i) {
      const PieceCache::Entry* entry = pending[i].set ? PieceCache::find(pending[i].set, pending[i].key) : nullptr;
      if (entry != nullptr) {
        output.add_entry(cache, *entry);
      } else {
        encode_rare(bpe, cache, pending[i], ends[i], output);
      }
    }
    p = ends[n - 1];
  }
}

}  // namespace hearth::text
