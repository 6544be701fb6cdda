// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/ascii_masks.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lib/text/tokenizer/ascii_masks.cpp"
#include <hwy/foreach_target.h>
// after foreach_target
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace hearth::text::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR

void classify(const unsigned char* p, AsciiMasks& masks) {
  masks = {};
  for (std::size_t i = 0; i < mask_bytes; ++i) {
    const unsigned c = p[i];
    const std::uint64_t bit = std::uint64_t{1} << i;
    const auto put = [&](std::uint64_t& mask, bool is) { mask |= is ? bit : 0; };
    const bool newline = c == '\n' || c == '\r', blank = c - 9 < 5;
    put(masks.letter, (c | 0x20) - 'a' < 26);
    put(masks.upper, c - 'A' < 26);
    put(masks.digit, c - '0' < 10);
    put(masks.space, c == ' ');
    put(masks.tab, blank && !newline);
    put(masks.newline, newline);
    put(masks.high, c >= 0x80);
    put(masks.apostrophe, c == '\'');
    put(masks.slash, c == '/');
    put(masks.control, (c < 0x20 && !blank) || c == 0x7F);
  }
}

#else

using Tag = hn::CappedTag<std::uint8_t, mask_bytes>;

// At most 64 bytes in one vector; narrower ones fill the masks from the left.
void classify(const unsigned char* p, AsciiMasks& masks) {
  const Tag tag;
  const auto set = [&](unsigned byte) { return hn::Set(tag, static_cast<std::uint8_t>(byte)); };
  for (std::size_t i = 0; i < mask_bytes; i += hn::Lanes(tag)) {
    const auto bytes = hn::LoadU(tag, p + i);
    const auto put = [&](std::uint64_t& mask, auto is) {
      hn::StoreMaskBits(tag, is, reinterpret_cast<std::uint8_t*>(&mask) + i / 8);
    };
    const auto range = [&](auto v, unsigned first, unsigned n) {  // first .. first + n - 1
      const auto shifted = hn::Sub(v, set(first));
      return hn::Eq(hn::Min(shifted, set(n - 1)), shifted);
    };
    const auto is_space = hn::Eq(bytes, set(' '));
    const auto is_newline = hn::Or(hn::Eq(bytes, set('\n')), hn::Eq(bytes, set('\r')));
    const auto is_blank = range(bytes, 9, 5);
    const auto is_control = hn::Or(range(bytes, 0, 0x20), hn::Eq(bytes, set(0x7F)));
    put(masks.letter, range(hn::Or(bytes, set(0x20)), 'a', 26));
    put(masks.upper, range(bytes, 'A', 26));
    put(masks.digit, range(bytes, '0', 10));
    put(masks.space, is_space);
    put(masks.tab, hn::AndNot(is_newline, is_blank));
    put(masks.newline, is_newline);
    put(masks.high, hn::Eq(hn::And(bytes, set(0x80)), set(0x80)));
    put(masks.apostrophe, hn::Eq(bytes, set('\'')));
    put(masks.slash, hn::Eq(bytes, set('/')));
    put(masks.control, hn::AndNot(is_blank, is_control));
  }
}

#endif

}  // namespace hearth::text::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hearth::text {

HWY_EXPORT(classify);

AsciiClassifier ascii_classifier() {
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return &HWY_DYNAMIC_DISPATCH(classify);
}

std::vector<NamedClassifier> all_ascii_classifiers() {
  std::vector<NamedClassifier> all;
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::GetChosenTarget().Update(target);
    all.push_back({hwy::TargetName(target), &HWY_DYNAMIC_DISPATCH(classify)});
  }
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return all;
}

}  // namespace hearth::text
#endif
