// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/rst/inline.h"

#include <algorithm>

#include "lib/text/extract/text_blocks.h"

namespace hearth::text::rst {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t';
}
bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

class Inline {
 public:
  Inline(std::string_view source, const Substitutions& substitutions)
      : source_(source), substitutions_(substitutions) {}

  std::string text() {
    while (at_ < source_.size()) {
      const std::size_t next = std::min(source_.find_first_of("\\`*|_:", at_), source_.size());
      out_.append(source_, at_, next - at_);
      at_ = next;
      if (at_ < source_.size()) step();
    }
    return std::move(out_);
  }

 private:
  void step() {
    switch (source_[at_]) {
      case '\\':
        return escape();
      case '`':
        return backquoted();
      case '*':
        return emphasis();
      case '|':
        return substitution();
      case '_':
        return underscore();
      default:
        return role();
    }
  }
  bool rest_starts(std::string_view with) const { return source_.substr(at_, with.size()) == with; }
  void literal(std::size_t count) {
    out_.append(source_, at_, count);
    at_ += count;
  }

  void escape() {
    if (at_ + 1 < source_.size() && !is_space(source_[at_ + 1])) out_ += source_[at_ + 1];
    at_ = std::min(at_ + 2, source_.size());
  }

  // Markup begins behind a space or an opening character, before what is no space.
  bool may_begin(std::size_t width) const {
    const bool before = at_ == 0 || is_space(source_[at_ - 1]) ||
                        (!is_word(source_[at_ - 1]) && source_[at_ - 1] != '\\') || source_[at_ - 1] == ':';
    return before && at_ + width < source_.size() && !is_space(source_[at_ + width]);
  }

  // Where mark ends what begins at begin; npos: nowhere, which is remembered, as the search may be asked for often.
  std::size_t end_of(std::string_view mark, std::size_t begin, bool& absent) {
    if (absent) return std::string_view::npos;
    for (std::size_t end = source_.find(mark, begin); end != std::string_view::npos;
         end = source_.find(mark, end + mark.size())) {
      if (end > begin && !is_space(source_[end - 1]) && (source_[end - 1] != '\\' || mark == "``")) return end;
    }
    absent = true;
    return std::string_view::npos;
  }

  void backquoted() {
    if (rest_starts("``")) {
      const std::size_t end = may_begin(2) ? end_of("``", at_ + 2, no_literal_) : std::string_view::npos;
      if (end == std::string_view::npos) return literal(2);
      out_.append(source_, at_ + 2, end - at_ - 2);
      at_ = end + 2;
      return;
    }
    interpreted(at_);
  }

  // `text`, `text <target>`_, with what follows; begin is the place of the first backquote.
  void interpreted(std::size_t begin) {
    const std::size_t end = end_of("`", begin + 1, no_backquote_);
    if (end == std::string_view::npos) return literal(begin + 1 - at_);
    std::string_view inside = source_.substr(begin + 1, end - begin - 1);
    if (const std::size_t target = inside.rfind('<');
        target != std::string_view::npos && target > 0 && inside.ends_with('>'))
      inside = inside.substr(0, target);
    if (inside.starts_with('!')) inside.remove_prefix(1);
    if (inside.starts_with('~')) inside = inside.substr(std::min(inside.find_last_of(".~") + 1, inside.size()));
    append_unescaped(inside);
    at_ = end + 1;
    while (at_ < source_.size() && source_[at_] == '_') ++at_;
    if (at_ < source_.size() && source_[at_] == ':') {  // a role behind
      const std::size_t close = source_.find_first_not_of("abcdefghijklmnopqrstuvwxyz-", at_ + 1);
      if (close != std::string_view::npos && close > at_ + 1 && source_[close] == ':') at_ = close + 1;
    }
  }

  void append_unescaped(std::string_view text) {
    while (text.ends_with(' ') || text.ends_with('\n')) text.remove_suffix(1);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      out_ += text[i];
    }
  }

  void emphasis() {
    const std::size_t width = rest_starts("**") ? 2 : 1;
    const std::string_view mark = width == 2 ? "**" : "*";
    bool& absent = width == 2 ? no_strong_ : no_emphasis_;
    const std::size_t end = may_begin(width) ? end_of(mark, at_ + width, absent) : std::string_view::npos;
    if (end == std::string_view::npos) return literal(width);
    append_unescaped(source_.substr(at_ + width, end - at_ - width));
    at_ = end + width;
  }

  void substitution() {
    const std::size_t end = may_begin(1) ? end_of("|", at_ + 1, no_bar_) : std::string_view::npos;
    if (end == std::string_view::npos) return literal(1);
    const auto known = substitutions_.find(std::string(source_.substr(at_ + 1, end - at_ - 1)));
    if (known != substitutions_.end()) {
      out_ += known->second;
    } else {
      out_.append(source_, at_ + 1, end - at_ - 1);
    }
    at_ = end + 1;
    while (at_ < source_.size() && source_[at_] == '_') ++at_;
  }

  // "word_" refers to a target, "[1]_" to a note, "_`text`" is a target.
  void underscore() {
    if (rest_starts("_`") && may_begin(1)) {
      ++at_;
      return;
    }
    const std::size_t end = std::min(source_.find_first_not_of('_', at_), source_.size());
    const bool behind = at_ > 0 && (is_word(source_[at_ - 1]) || source_[at_ - 1] == ']');
    if (behind && end - at_ <= 2 && (end == source_.size() || !is_word(source_[end]))) {
      at_ = end;
    } else {
      literal(end - at_);
    }
  }

  // ":role:`text`"
  void role() {
    const std::size_t name =
        source_.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_+.:", at_ + 1);
    const bool is_role = name != std::string_view::npos && name > at_ + 2 && source_[name] == '`' &&
                         source_[name - 1] == ':' && may_begin(1);
    if (!is_role) return literal(std::min(name, source_.size()) - at_);
    interpreted(name);
  }

  std::string_view source_;
  const Substitutions& substitutions_;
  std::string out_;
  std::size_t at_ = 0;
  bool no_literal_ = false, no_backquote_ = false, no_strong_ = false, no_emphasis_ = false, no_bar_ = false;
};

}  // namespace

std::string inline_text(std::string_view source, const Substitutions& substitutions) {
  return collapsed(Inline(source, substitutions).text());
}

}  // namespace hearth::text::rst
