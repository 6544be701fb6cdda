// SPDX-License-Identifier: Apache-2.0
#include "lib/text/privacy/finder.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "lib/text/privacy/addresses.h"
#include "lib/text/privacy/byte_masks.h"
#include "lib/text/privacy/context.h"
#include "lib/text/privacy/numbers.h"
#include "lib/text/privacy/secrets.h"

namespace hearth::text::privacy {
namespace {

constexpr bool is_number_mark(char c) {
  return c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')';
}

class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {}
  std::vector<Finding> run();

 private:
  void block(std::size_t begin, const ByteMasks& masks);
  void at_sign(std::size_t at);
  void digits(std::size_t begin);
  void word(std::size_t at);
  void add(const MaybeFinding& finding) {
    if (finding) found_.push_back(*finding);
  }

  std::string_view text_;
  std::vector<Finding> found_;
  std::size_t digits_done_ = 0, words_done_ = 0, dashes_done_ = 0;  // nothing new begins before these
  std::uint64_t digit_before_ = 0;                                  // 1: the byte before the block is a digit
};

// Calls visit(place) for each bit.
template <class Visit>
void for_bits(std::uint64_t bits, std::size_t base, Visit visit) {
  for (; bits != 0; bits &= bits - 1) visit(base + static_cast<std::size_t>(std::countr_zero(bits)));
}

std::vector<Finding> Scan::run() {
  std::size_t begin = 0;
  for (; begin + mask_bytes <= text_.size(); begin += mask_bytes) block(begin, masks_of(text_.data() + begin));
  if (begin < text_.size()) {
    char rest[mask_bytes] = {};
    std::memcpy(rest, text_.data() + begin, text_.size() - begin);
    block(begin, masks_of(rest));
  }
  return std::move(found_);
}

void Scan::block(std::size_t begin, const ByteMasks& masks) {
  for_bits(masks.digit & ~(masks.digit << 1 | digit_before_), begin, [&](std::size_t at) { digits(at); });
  digit_before_ = masks.digit >> 63;
  // A run of 20 has 10 of its bytes in one block.
  std::uint64_t ten = masks.word & masks.word >> 1;
  ten &= ten >> 2;
  ten &= ten >> 4;
  ten &= ten >> 2;
  ten &= ~(ten << 1);
  for_bits(ten, begin, [&](std::size_t at) { word(at); });
  for_bits(masks.at, begin, [&](std::size_t at) { at_sign(at); });
  for_bits(masks.assign, begin, [&](std::size_t at) { add(assigned_secret(text_, at)); });
  std::uint64_t dashes = masks.dash;
  if (dashes != 0 && (dashes & (dashes >> 1)) != 0) {
    for_bits(dashes & ~(dashes << 1), begin, [&](std::size_t at) {
      if (at < dashes_done_) return;
      std::size_t first = at;
      while (first > 0 && text_[first - 1] == '-' && at - first < 5) --first;
      if (const auto key = pem_key(text_, first)) {
        found_.push_back(*key);
        dashes_done_ = key->end;
      }
    });
  }
}

void Scan::at_sign(std::size_t at) {
  if (const auto password = url_password(text_, at)) return add(password);
  const std::string_view before = line_before(text_, at, 128);
  const std::size_t scheme = before.rfind("://");
  if (scheme != std::string_view::npos && before.find_first_of(" /\t\"'<>", scheme + 3) == std::string_view::npos)
    return;  // user@host of a URL
  add(email_at(text_, at));
}

// Which checks a run of digits is worth shows in its length and its neighbours.
void Scan::digits(std::size_t begin) {
  if (begin < digits_done_) return;
  const char before = byte_before(text_, begin);
  std::size_t end = begin + 1;
  while (end < text_.size() && is_digit(text_[end])) ++end;
  const std::size_t n = end - begin;
  MaybeFinding found;
  if (is_upper(before)) {
    if (n >= 2 && begin >= 2 && is_upper(text_[begin - 2])) found = iban_at(text_, begin - 2);
  } else if (!is_alnum(before) && before != '_') {
    const char behind = byte_at(text_, end);
    if (n <= 3 && behind == '.') found = ipv4_at(text_, begin);
    if (n <= 4 && (text_[begin] == '2' || text_[begin] == '3') && byte_at(text_, begin + 4) == ':')
      found = ipv6_at(text_, begin);
    if (!found && (n >= 13 || (n == 4 && (behind == ' ' || behind == '-')))) found = card_at(text_, begin);
    if (!found && (n >= 7 || before == '+' || is_number_mark(behind))) found = phone_at(text_, begin);
  }
  if (!found) return;
  found_.push_back(*found);
  digits_done_ = found->end;
}

void Scan::word(std::size_t at) {
  if (at < words_done_) return;
  const auto in_run = [&](char c) { return is_alnum(c) || c == '_' || c == '-' || c == '+' || c == '/'; };
  std::size_t begin = at, end = at;
  while (begin > words_done_ && in_run(text_[begin - 1])) --begin;
  while (end < text_.size() && in_run(text_[end])) ++end;
  words_done_ = end;
  if (end - begin >= least_key_run) add(key_in_run(text_, begin, end));
}

// Joins findings that overlap.
std::vector<Finding> joined(std::vector<Finding> found) {
  std::sort(found.begin(), found.end(), [](const Finding& a, const Finding& b) {
    if (a.begin != b.begin) return a.begin < b.begin;
    return a.end != b.end ? a.end > b.end : a.kind < b.kind;
  });
  std::vector<Finding> apart;
  std::size_t longest = 0;  // of those joined into the last one
  for (const Finding& next : found) {
    const std::size_t length = next.end - next.begin;
    if (apart.empty() || next.begin >= apart.back().end) {
      apart.push_back(next);
      longest = length;
      continue;
    }
    Finding& last = apart.back();
    if (length > longest || (length == longest && next.kind < last.kind)) {
      last.kind = next.kind;
      longest = length;
    }
    last.end = std::max(last.end, next.end);
  }
  return apart;
}

}  // namespace

std::vector<Finding> find_private(std::string_view text, const NameList* names) {
  std::vector<Finding> found = Scan(text).run();
  if (names != nullptr) names->find(text, found);
  if (found.size() < 2) return found;
  return joined(std::move(found));
}

}  // namespace hearth::text::privacy
