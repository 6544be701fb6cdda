// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/piece_cutter.h"

#include <bit>
#include <cstdint>
#include <cstring>

#include "lib/text/tokenizer/ascii_starts.h"
#include "lib/text/tokenizer/scanners.h"

namespace hearth::text {
namespace {

using Byte = const unsigned char*;

bool begins_with_ascii(Byte p) {
  std::uint64_t eight = 0;
  std::memcpy(&eight, p, sizeof eight);
  return (eight & 0x8080808080808080ull) == 0;
}

constexpr AsciiRules gpt2_rules{.takes_space_only = true, .endings = Endings::lower_case};
constexpr AsciiRules llama3_rules{.digits = 3, .endings = Endings::any_case};
constexpr AsciiRules qwen_rules{.digits = 1, .endings = Endings::any_case};
constexpr AsciiRules o200k_rules{
    .digits = 3, .slash_ends_symbols = true, .cut_by_case = true, .endings = Endings::in_word};
constexpr AsciiRules tekken_rules{.digits = 1, .slash_ends_symbols = true, .cut_by_case = true};
constexpr AsciiRules deepseek_rules{.digits = 3, .digits_end_text = true, .leaves_controls = true};

}  // namespace

PieceCutter::PieceCutter(Pattern pattern, const Bridges* bridges, AsciiClassifier classify)
    : classify_(classify),
      bridges_(bridges != nullptr && !bridges->empty() ? bridges : nullptr),
      cut_(function_of(pattern)) {}

PieceCutter::PieceCutter(const CharacterPairs* pairs) : pairs_(pairs), cut_(cut_by_pairs) {}

std::size_t PieceCutter::cut_by_pairs(const PieceCutter& self, std::string_view text, Byte p, Byte* ends) {
  const Byte end = reinterpret_cast<Byte>(text.data()) + text.size();
  std::size_t n = 0;
  for (; n < batch && p < end; ++n) ends[n] = p = self.pairs_->piece_end(p, end);
  return n;
}

template <class Scanner>
Byte PieceCutter::one_piece(const Scanner& scanner, Byte p, Byte*& ends, const Byte* ends_limit) const {
  constexpr std::ptrdiff_t worth_cutting = 7;  // more than two characters
  const Byte next = scanner.next(p);
  if (bridges_ != nullptr && next - p >= worth_cutting) {
    Byte* const first = ends;
    Byte begin = p;
    bool allowed = true;
    const auto is_part = [&](Byte end) {  // which no token that stands for whole pieces only may be
      allowed = allowed &&
                !bridges_->is_whole_only({reinterpret_cast<const char*>(begin), static_cast<std::size_t>(end - begin)});
      begin = end;
    };
    bridges_->for_each_cut(p, next, [&](Byte at) {
      if (ends == ends_limit) return;  // where there is no room left, the rest stays in one
      is_part(at);
      *ends++ = at;
    });
    if (ends != first) is_part(next);
    if (!allowed) ends = first;
  }
  *ends++ = next;
  return next;
}

template <class Scanner>
std::size_t PieceCutter::cut_with_scanner(const PieceCutter& self, std::string_view text, Byte p, Byte* ends) {
  const Scanner scanner(text);
  const Byte end = reinterpret_cast<Byte>(text.data()) + text.size();
  Byte* at = ends;
  while (at < ends + batch && p < end) p = self.one_piece(scanner, p, at, ends + most_ends - 1);
  return static_cast<std::size_t>(at - ends);
}

template <class Scanner, auto rules>
std::size_t PieceCutter::cut_with_masks(const PieceCutter& self, std::string_view text, Byte p, Byte* ends) {
  const Scanner scanner(text);
  const Byte end = reinterpret_cast<Byte>(text.data()) + text.size();
  Byte* at = ends;
  while (at < ends + batch && p < end) {
    if (end - p >= static_cast<std::ptrdiff_t>(mask_bytes) && begins_with_ascii(p)) {
      AsciiMasks masks;
      self.classify_(p, masks);
      std::uint64_t starts = piece_starts<rules>(masks, p);
      if (starts != 0) {
        const auto last = static_cast<unsigned>(63 - std::countl_zero(starts));
        for (; starts != 0; starts &= starts - 1) *at++ = p + std::countr_zero(starts);
        p += last;
        continue;
      }
    }
    p = self.one_piece(scanner, p, at, ends + most_ends - 1);
  }
  return static_cast<std::size_t>(at - ends);
}

PieceCutter::CutFunction PieceCutter::function_of(Pattern pattern) {
  switch (pattern) {
    case Pattern::none:
    case Pattern::sentencepiece:
      return cut_with_scanner<WholeScanner>;
    case Pattern::gpt2:
      return cut_with_masks<Gpt2Scanner, gpt2_rules>;
    case Pattern::llama3:
      return cut_with_masks<Llama3Scanner<3, letters>, llama3_rules>;
    case Pattern::qwen2:
      return cut_with_masks<Llama3Scanner<1, letters>, qwen_rules>;
    case Pattern::qwen35:
      return cut_with_masks<Llama3Scanner<1, letters | marks>, qwen_rules>;
    case Pattern::o200k:
      return cut_with_masks<O200kScanner<3, true>, o200k_rules>;
    case Pattern::tekken:
      return cut_with_masks<O200kScanner<1, false>, tekken_rules>;
    case Pattern::deepseek3:
      return cut_with_masks<DeepSeek3Scanner, deepseek_rules>;
  }
  HEARTH_CHECK(false, "no such pattern");
}

}  // namespace hearth::text
