// SPDX-License-Identifier: Apache-2.0
#include "lib/text/privacy/names.h"

#include <utf8proc.h>

#include <algorithm>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/text/encoding.h"
#include "lib/text/normalize.h"
#include "lib/text/tokenizer/unicode_classes.h"

namespace hearth::text::privacy {
namespace {

constexpr ClassSet in_words = letters | marks | numbers;

bool is_unspaced(std::uint32_t c) {  // kana, ideographs
  return (c >= 0x3040 && c <= 0x30ff) || (c >= 0x3400 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) ||
         (c >= 0x20000 && c <= 0x3ffff);
}

Char character_at(std::string_view text, std::size_t at) {
  const std::size_t length = utf8_sequence(text, at);
  if (length == 0) return {invalid_code_point, CharClass::other, 1};
  std::size_t behind = at;
  const char32_t c = next_code_point(text, behind);
  return {static_cast<std::uint32_t>(c), class_table()[c], static_cast<std::uint8_t>(length)};
}

// The end of the word that begins at a place: letters, marks and numbers, or one unspaced character. begin itself when
// none begins there.
std::size_t end_of_word(std::string_view text, std::size_t begin) {
  std::size_t at = begin;
  while (at < text.size()) {
    const Char c = character_at(text, at);
    if (!in(c.cls, in_words)) break;
    if (is_unspaced(c.code_point)) return at == begin ? at + c.length : at;
    at += c.length;
  }
  return at;
}

bool is_white(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Behind white space with at most one line end; at itself when there is none, or too much.
std::size_t behind_white(std::string_view text, std::size_t at) {
  std::size_t end = at;
  int n_lines = 0;
  for (; end < text.size() && (is_white(text[end]) || text.substr(end).starts_with("\xc2\xa0")); ++end) {
    if (text[end] == '\n' && ++n_lines > 1) return at;
    if (text[end] == '\xc2') ++end;
  }
  return end;
}

// Where name ends in text when it begins at begin, or begin.
std::size_t end_of_match(std::string_view text, std::size_t begin, std::string_view name) {
  std::size_t at = begin, last = 0;
  for (std::size_t i = 0; i < name.size();) {
    if (name[i] == ' ') {
      const std::size_t next = behind_white(text, at);
      if (next == at) return begin;
      at = next;
      ++i;
      continue;
    }
    if (at >= text.size() || text[at] != name[i]) return begin;
    if ((static_cast<unsigned char>(name[i]) & 0xc0) != 0x80) last = i;
    ++at, ++i;
  }
  const bool may_go_on = is_unspaced(character_at(name, last).code_point);
  return may_go_on || end_of_word(text, at) == at || is_unspaced(character_at(text, at).code_point) ? at : begin;
}

std::string in_capitals(std::string_view name) {
  std::string capitals;
  for (std::size_t at = 0; at < name.size();)
    append_utf8(capitals,
                static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(next_code_point(name, at)))));
  return capitals;
}

// Runs of white space as one space, none at the ends.
std::string single_spaced(std::string_view name) {
  std::string spaced;
  for (const char c : trim(name)) {
    if (!is_white(c))
      spaced += c;
    else if (spaced.back() != ' ')
      spaced += ' ';
  }
  return spaced;
}

}  // namespace

NameList::NameList(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const std::string spelled = compose(single_spaced(name));
    if (spelled.empty() || end_of_word(spelled, 0) == 0) continue;
    ++n_names_;
    const std::string capitals = in_capitals(spelled);
    if (capitals != spelled) add(capitals);
    add(spelled);
  }
  for (auto& [word, with_it] : by_first_word_) {
    std::sort(with_it.begin(), with_it.end(), [](const std::string& a, const std::string& b) {
      return a.size() != b.size() ? a.size() > b.size() : a < b;
    });
  }
}

void NameList::add(std::string name) {
  first_byte_[static_cast<unsigned char>(name[0])] = true;
  std::string word = name.substr(0, end_of_word(name, 0));
  by_first_word_[std::move(word)].push_back(std::move(name));
}

NameList NameList::read(const std::filesystem::path& path) {
  std::vector<std::string> names;
  std::uint64_t n_lines = 0;
  for (const std::string& line : split(read_file(path), '\n')) {
    ++n_lines;
    if (!is_valid_utf8(line))
      throw Error(hearth::Kind::data,
                  path.string() + ":" + std::to_string(n_lines) + ": not UTF-8; save the list of names as UTF-8");
    if (!line.starts_with('#')) names.push_back(line);
  }
  NameList list(names);
  if (list.size() == 0) throw Error(hearth::Kind::data, path.string() + ": no name; one is written on each line");
  return list;
}

void NameList::find(std::string_view text, std::vector<Finding>& found) const {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = end_of_word(text, at);
    if (end == at) {
      ++at;
      continue;
    }
    std::size_t next = end;
    if (first_byte_[static_cast<unsigned char>(text[at])]) {
      if (const auto with_it = by_first_word_.find(text.substr(at, end - at)); with_it != by_first_word_.end()) {
        for (const std::string& name : with_it->second) {
          const std::size_t match = end_of_match(text, at, name);
          if (match == at) continue;
          found.push_back({at, match, Kind::name});
          next = match;
          break;
        }
      }
    }
    at = next;
  }
}

}  // namespace hearth::text::privacy
