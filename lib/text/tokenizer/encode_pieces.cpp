// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/encode_pieces.h"

#include "lib/text/tokenizer/scanners.h"

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
    const std::uint32_t* more = cache.overflow(entry);
    std::vector<std::uint32_t>& ids = direct();
    ids.insert(ids.end(), more, more + entry.n_ids);
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
  static constexpr std::size_t capacity = 1024;
  std::vector<std::uint32_t>& ids_;
  std::uint32_t buffer_[capacity + PieceCache::n_inline];
  std::size_t n_ = 0;
};

}  // namespace

void encode_pieces(Pattern pattern, const Bpe& bpe, PieceCache& cache, std::string_view text,
                   std::vector<std::uint32_t>& ids) {
  if (!bpe.has_merges()) {
    bpe.encode(text, ids);
    return;
  }
  with_scanner(pattern, text, [&](const auto& scanner) {
    Output output(ids);
    const auto* p = reinterpret_cast<const unsigned char*>(text.data());
    const auto* const end = p + text.size();
    while (p < end) {
      const auto* const next = scanner.next(p);
      const auto n = static_cast<std::size_t>(next - p);
      const std::string_view piece(reinterpret_cast<const char*>(p), n);
      if (n <= PieceKey::longest) {
        const PieceKey key = PieceKey::of(p, n, end);
        if (const PieceCache::Entry* entry = cache.find(key); entry != nullptr) {
          output.add_entry(cache, *entry);
        } else {
          std::vector<std::uint32_t>& direct = output.direct();
          const std::size_t before = direct.size();
          bpe.encode(piece, direct);
          cache.insert(key, direct.data() + before, direct.size() - before);
        }
      } else {
        bpe.encode(piece, output.direct());
      }
      p = next;
    }
    return 0;
  });
}

}  // namespace hearth::text
