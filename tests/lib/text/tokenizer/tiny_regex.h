// SPDX-License-Identifier: Apache-2.0
// The oracle for the scanners: a backtracking matcher that runs the pre-tokenizers' regular expressions as they are
// written, character by character. It knows just the syntax they use: alternatives of items; an item is a class, an
// escape or a character with a quantifier, (?!\S), or (?i:...) of literals.
#pragma once
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/tokenizer/unicode_classes.h"

namespace hearth::text::tiny {

inline std::vector<Char> characters(std::string_view text) {
  std::vector<Char> list;
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = p + text.size();
  while (p < end) {
    list.push_back(*p < 0x80 ? Char{*p, class_table()[*p], 1} : decode_multibyte(p, end, class_table()));
    p += list.back().length;
  }
  return list;
}

struct Item {
  enum { character, not_before_nonspace, literals } what = character;
  std::function<bool(const Char&)> takes;
  std::vector<std::string> words;  // of literals: ASCII, lower case, any case matches
  std::size_t least = 1, most = 1;
};

class Regex {
 public:
  explicit Regex(std::string_view source) : source_(characters(source)) {
    alternatives_.emplace_back();
    while (at_ < source_.size()) {
      if (source_[at_].code_point == '|') {
        alternatives_.emplace_back();
        ++at_;
      } else {
        alternatives_.back().push_back(item());
      }
    }
  }

  // Characters matched at begin (leftmost alternative first, as a backtracking engine has it); 0: no match.
  std::size_t match(const std::vector<Char>& text, std::size_t begin, std::size_t end) const {
    for (const auto& items : alternatives_) {
      if (const std::size_t stop = sequence(items, 0, text, begin, end); stop != failed && stop > begin)
        return stop - begin;
    }
    return 0;
  }

 private:
  using Takes = std::function<bool(const Char&)>;
  static constexpr std::size_t failed = ~std::size_t{0};

  std::size_t sequence(const std::vector<Item>& items, std::size_t i, const std::vector<Char>& text, std::size_t p,
                       std::size_t end) const {
    if (i == items.size()) return p;
    const Item& item = items[i];
    if (item.what == Item::not_before_nonspace) {
      return p < end && !in(text[p].cls, white_space) ? failed : sequence(items, i + 1, text, p, end);
    }
    if (item.what == Item::literals) {
      for (const std::string& word : item.words) {
        if (!reads(word, text, p, end)) continue;
        if (const std::size_t stop = sequence(items, i + 1, text, p + word.size(), end); stop != failed) return stop;
      }
      return item.least == 0 ? sequence(items, i + 1, text, p, end) : failed;
    }
    std::size_t n = 0;
    while (n < item.most && p + n < end && item.takes(text[p + n])) ++n;
    for (; n + 1 > item.least; --n) {
      if (const std::size_t stop = sequence(items, i + 1, text, p + n, end); stop != failed) return stop;
      if (n == 0) break;
    }
    return failed;
  }

  static bool reads(const std::string& word, const std::vector<Char>& text, std::size_t p, std::size_t end) {
    if (end - p < word.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i) {
      std::uint32_t c = text[p + i].code_point;
      if (c >= 'A' && c <= 'Z') c += 32;
      if (c == 0x17F) c = 's';
      if (c != static_cast<unsigned char>(word[i])) return false;
    }
    return true;
  }

  bool ahead(std::string_view ascii) const {
    for (std::size_t i = 0; i < ascii.size(); ++i) {
      if (at_ + i >= source_.size() || source_[at_ + i].code_point != static_cast<unsigned char>(ascii[i]))
        return false;
    }
    return true;
  }

  Item item() {
    Item made;
    if (ahead("(?!\\S)")) {
      at_ += 6;
      made.what = Item::not_before_nonspace;
      return made;
    }
    if (ahead("(?i:")) {
      made.what = Item::literals;
      made.words.emplace_back();
      for (at_ += 4; source_[at_].code_point != ')'; ++at_) {
        if (source_[at_].code_point == '|')
          made.words.emplace_back();
        else
          made.words.back() += static_cast<char>(source_[at_].code_point);
      }
      ++at_;
    } else if (ahead("[")) {
      made.takes = bracket();
    } else {
      made.takes = atom();
    }
    quantify(made);
    return made;
  }

  void quantify(Item& made) {
    if (ahead("{1,3}")) {
      made.most = 3;
      at_ += 5;
    } else if (ahead("*") || ahead("+") || ahead("?")) {
      made.least = ahead("+") ? 1 : 0;
      made.most = ahead("?") ? 1 : failed;
      ++at_;
    }
  }

  Takes bracket() {
    ++at_;
    const bool negated = ahead("^");
    if (negated) ++at_;
    std::vector<Takes> any;
    while (!ahead("]")) {
      if (at_ + 2 < source_.size() && source_[at_].code_point != '\\' && source_[at_ + 1].code_point == '-') {
        const std::uint32_t low = source_[at_].code_point, high = source_[at_ + 2].code_point;
        any.push_back([low, high](const Char& c) { return c.code_point >= low && c.code_point <= high; });
        at_ += 3;
      } else {
        any.push_back(atom());
      }
    }
    ++at_;
    return [any, negated](const Char& c) {
      for (const Takes& takes : any) {
        if (takes(c)) return !negated;
      }
      return negated;
    };
  }

  Takes atom() {
    if (!ahead("\\")) {
      const std::uint32_t wanted = source_[at_++].code_point;
      return [wanted](const Char& c) { return c.code_point == wanted; };
    }
    const char letter = static_cast<char>(source_[at_ + 1].code_point);
    at_ += 2;
    if (letter == 'p') return property();
    if (letter == 's') return [](const Char& c) { return in(c.cls, white_space); };
    const std::uint32_t wanted = letter == 'r' ? '\r' : letter == 'n' ? '\n' : static_cast<unsigned char>(letter);
    return [wanted](const Char& c) { return c.code_point == wanted; };
  }

  Takes property() {
    std::string name;
    for (++at_; source_[at_].code_point != '}'; ++at_) name += static_cast<char>(source_[at_].code_point);
    ++at_;
    const std::vector<std::pair<std::string, ClassSet>> known{{"L", letters},
                                                              {"Lu", set_of({CharClass::upper})},
                                                              {"Lt", set_of({CharClass::title})},
                                                              {"Ll", set_of({CharClass::lower})},
                                                              {"Lm", set_of({CharClass::modifier})},
                                                              {"Lo", set_of({CharClass::letter})},
                                                              {"M", marks},
                                                              {"N", numbers},
                                                              {"P", set_of({CharClass::punctuation})},
                                                              {"S", set_of({CharClass::symbol})}};
    for (const auto& [word, set] : known) {
      if (word == name) return [set = set](const Char& c) { return in(c.cls, set); };
    }
    throw std::runtime_error("property " + name);
  }

  std::vector<Char> source_;
  std::size_t at_ = 0;
  std::vector<std::vector<Item>> alternatives_;
};

// The pieces of text, each expression applied inside the pieces of the one before; what lies between matches is a
// piece.
inline std::vector<std::string> split(const std::vector<Regex>& regexes, std::string_view text) {
  const std::vector<Char> chars = characters(text);
  std::vector<std::size_t> cuts{0, chars.size()};
  for (const Regex& regex : regexes) {
    std::vector<std::size_t> next;
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
      bool in_gap = false;
      for (std::size_t p = cuts[i]; p < cuts[i + 1];) {
        const std::size_t n = regex.match(chars, p, cuts[i + 1]);
        if (n > 0 || !in_gap) next.push_back(p);
        in_gap = n == 0;
        p += n > 0 ? n : 1;
      }
    }
    next.push_back(chars.size());
    cuts = next;
  }
  std::vector<std::string> pieces;
  std::size_t byte = 0;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    std::size_t bytes = 0;
    for (std::size_t c = cuts[i]; c < cuts[i + 1]; ++c) bytes += chars[c].length;
    if (bytes > 0) pieces.emplace_back(text.substr(byte, bytes));
    byte += bytes;
  }
  return pieces;
}

}  // namespace hearth::text::tiny
