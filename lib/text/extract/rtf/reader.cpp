// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/rtf/reader.h"

#include <algorithm>

#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/text/encoding.h"
#include "lib/text/extract/rtf/rtf.h"

namespace hearth::text::rtf {
namespace {

constexpr std::size_t max_groups = 512;
constexpr std::size_t max_cells = 256;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The code page of a font's \fcharset.
int code_page_of_charset(int charset, int otherwise) {
  static constexpr std::pair<int, int> table[] = {{0, 1252},   {77, 10000}, {128, 932},  {129, 949},  {134, 936},
                                                  {136, 950},  {161, 1253}, {162, 1254}, {163, 1258}, {177, 1255},
                                                  {178, 1256}, {186, 1257}, {204, 1251}, {222, 874},  {238, 1250},
                                                  {254, 437},  {255, 850}};
  const auto* found = std::ranges::find(table, charset, &std::pair<int, int>::first);
  return found == std::end(table) ? otherwise : found->second;
}

std::string charset_of(int code_page) {
  switch (code_page) {
    case 932:
      return "shift_jis";
    case 936:
      return "gbk";
    case 949:
      return "euc-kr";
    case 950:
      return "big5";
    case 10000:
      return "macintosh";
    case 65001:
      return "utf-8";
    case 437:
    case 850:
    case 852:
    case 866:
      return "ibm" + std::to_string(code_page);
    default:
      return "windows-" + std::to_string(code_page);
  }
}

struct Named {
  std::string_view word, text;
};
constexpr Named characters[] = {{"tab", "\t"},      {"line", "\n"},     {"emdash", "—"},    {"endash", "–"},
                                {"bullet", "•"},    {"lquote", "‘"},    {"rquote", "’"},    {"ldblquote", "“"},
                                {"rdblquote", "”"}, {"emspace", " "},   {"enspace", " "},   {"qmspace", " "},
                                {"lbr", "\n"},      {"softline", "\n"}, {"zwnj", "\u200c"}, {"zwj", "\u200d"}};

constexpr std::string_view skipped =
    " colortbl pict object header headerl headerr headerf footer footerl footerr footerf fldinst themedata "
    "colorschememapping datastore latentstyles listtable listoverridetable rsidtbl xmlnstbl generator filetbl revtbl "
    "info bkmkstart bkmkend pgptbl mmathPr atnid atnauthor annotation atndate atnref objdata shppict nonshppict "
    "wgrffmtfilter userprops docvar sp datafield formfield template private background ftnsep ftnsepc aftnsep aftnsepc "
    "xe tc rxe txe keywords doccomm comment operator creatim revtim printim company subject category manager ";

// "heading 2" and its like in the languages whose Word names styles so.
int outline_of_style(std::string name) {
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (trim(name) == "title;" || trim(name) == "title") return 1;
  for (const std::string_view word : {"heading ", "überschrift ", "titre ", "título ", "titolo ", "kop "}) {
    const std::size_t at = name.find(word);
    if (at != 0 || name.size() <= word.size() || !is_digit(name[word.size()])) continue;
    return std::clamp(name[word.size()] - '0', 1, 6);
  }
  return 0;
}

}  // namespace

void Reader::read(Extracted& extracted) {
  while (at_ < bytes_.size()) {
    const char c = bytes_[at_];
    if (c == '\\') {
      ++at_;
      control();
    } else if (c == '{' || c == '}') {
      ++at_;
      c == '{' ? open_group() : close_group();
    } else {
      ++at_;
      if (c != '\n' && c != '\r' && c != '\0') byte(static_cast<unsigned char>(c));
    }
  }
  flush_bytes();
  groups_.clear();
  if (!cells_.empty()) end_row();
  end_paragraph();
  for (std::size_t i = 0; i < notes_.size(); ++i) {
    const std::string note = collapsed(notes_[i]);
    if (!note.empty()) blocks_.item("[^" + std::to_string(i + 1) + "]: ", note, 1);
  }
  extracted.text = blocks_.finish();
  if (!trim(title_).empty()) extracted.attributes.emplace_back("title", dump_json(Json(std::string(trim(title_)))));
  if (!trim(author_).empty()) extracted.attributes.emplace_back("author", dump_json(Json(std::string(trim(author_)))));
}

// The control word at at_, behind its backslash.
Reader::Word Reader::next_word() {
  const std::size_t begin = at_;
  while (at_ < bytes_.size() && is_letter(bytes_[at_]) && at_ - begin < 32) ++at_;
  Word word{bytes_.substr(begin, at_ - begin), 0, false};
  const bool negative = at_ + 1 < bytes_.size() && bytes_[at_] == '-' && is_digit(bytes_[at_ + 1]);
  if (negative) ++at_;
  while (at_ < bytes_.size() && is_digit(bytes_[at_])) {
    word.number = std::min(word.number, 99'999'999) * 10 + (bytes_[at_++] - '0');
    word.has_number = true;
  }
  if (negative) word.number = -word.number;
  if (at_ < bytes_.size() && bytes_[at_] == ' ') ++at_;
  return word;
}

void Reader::control() {
  if (at_ >= bytes_.size()) return;
  const char c = bytes_[at_];
  if (is_letter(c)) {
    const Word word = next_word();
    if (skip_characters_ > 0 && word.name != "bin" && word.name != "u") {
      --skip_characters_;
      return;
    }
    return apply(word);
  }
  ++at_;
  if (c == '\'') {
    if (at_ + 1 >= bytes_.size()) return;
    const int high = hex_digit(bytes_[at_]), low = hex_digit(bytes_[at_ + 1]);
    if (high < 0 || low < 0) return;
    at_ += 2;
    byte(static_cast<unsigned char>(high * 16 + low));
  } else if (c == '*') {
    starred_ = true;
  } else if (c == '~') {
    add(" ");
  } else if (c == '_') {
    add("-");
  } else if (c == '\\' || c == '{' || c == '}') {
    byte(static_cast<unsigned char>(c));
  } else if (c == '\n' || c == '\r') {
    end_paragraph();
  }
}

void Reader::apply(const Word& word) {
  const std::string_view name = word.name;
  if (name == "bin") {  // raw bytes
    at_ += std::min<std::size_t>(bytes_.size() - at_, static_cast<std::size_t>(std::max(word.number, 0)));
    return;
  }
  if (destination_word(name)) return;
  if (std::exchange(starred_, false)) {  // a destination that is not known
    flush_bytes();
    group_.destination = Destination::skipped;
    return;
  }
  if (group_.destination == Destination::skipped) return;
  if (name == "u") return unicode(word.number);
  if (name == "uc") {
    group_.unicode_skip = std::clamp(word.number, 0, 16);
  } else if (name == "ansicpg" || name == "mac" || name == "pc" || name == "pca") {
    flush_bytes();
    default_code_page_ = group_.code_page = name == "mac"   ? 10000
                                            : name == "pc"  ? 437
                                            : name == "pca" ? 850
                                                            : word.number;
  } else if (name == "f" || name == "fcharset" || name == "cpg") {
    font_word(word);
  } else if (name == "plain") {
    flush_bytes();
    group_.hidden = false;
  } else if (name == "v") {
    flush_bytes();
    group_.hidden = !word.has_number || word.number != 0;
  } else if (!character_word(word)) {
    paragraph_word(word);
  }
}

void Reader::font_word(const Word& word) {
  flush_bytes();
  if (group_.destination == Destination::fonts) {
    if (word.name == "f") {
      font_ = word.number;
    } else {
      font_code_pages_[font_] =
          word.name == "cpg" ? word.number : code_page_of_charset(word.number, default_code_page_);
    }
    return;
  }
  const auto found = font_code_pages_.find(word.number);
  if (word.name == "f") group_.code_page = found == font_code_pages_.end() ? default_code_page_ : found->second;
}

bool Reader::character_word(const Word& word) {
  const auto* found = std::ranges::find(characters, word.name, &Named::word);
  if (found == std::end(characters)) return false;
  add(found->text);
  return true;
}

// True when the word opens a destination.
bool Reader::destination_word(std::string_view name) {
  Destination destination = Destination::text;
  if (name == "fonttbl") {
    destination = Destination::fonts;
  } else if (name == "stylesheet") {
    destination = Destination::styles;
  } else if (name == "title" || name == "author") {
    destination = name == "title" ? Destination::title : Destination::author;
  } else if (name == "footnote") {
    add("[^" + std::to_string(notes_.size() + 1) + "]");
    note_.clear();
    destination = Destination::note;
  } else if (name == "listtext" || name == "pntext") {
    marker_.clear();
    destination = Destination::marker;
  } else if (name == "shptxt") {
    return !(starred_ = false);
  } else if (skipped.find(" " + std::string(name) + " ") != std::string_view::npos) {
    destination = Destination::skipped;
  } else {
    return false;
  }
  flush_bytes();
  starred_ = false;
  const bool within_info = destination == Destination::title || destination == Destination::author;
  if (group_.destination != Destination::skipped || within_info) group_.destination = destination;
  return true;
}

bool Reader::paragraph_word(const Word& word) {
  const std::string_view name = word.name;
  if (name == "par" || name == "sect" || name == "page") {
    end_paragraph();
  } else if (name == "pard") {
    paragraph_ = {};
  } else if (name == "s") {
    if (group_.destination == Destination::styles) style_ = word.number;
    paragraph_.style = word.number;
  } else if (name == "outlinelevel") {
    const int outline = word.number >= 0 && word.number < 6 ? word.number + 1 : 0;
    if (group_.destination == Destination::styles) {
      style_outline_ = outline;
    } else {
      paragraph_.outline = outline;
    }
  } else if (name == "ilvl") {
    paragraph_.list_level = std::clamp(word.number, 0, 8);
  } else if (name == "ls" || name == "pnlvlblt" || name == "pnlvlbody") {
    paragraph_.list_level = std::max(paragraph_.list_level, 0);
  } else if (name == "intbl") {
    paragraph_.in_table = true;
  } else {
    return table_word(name);
  }
  return true;
}

bool Reader::table_word(std::string_view name) {
  if (name == "cell" || name == "nestcell") {
    end_cell();
  } else if (name == "row" || name == "nestrow") {
    if (name == "row") end_row();
  } else {
    return false;
  }
  return true;
}

void Reader::open_group() {
  flush_bytes();
  skip_characters_ = 0;
  if (groups_.size() >= max_groups) {
    ++n_too_deep_;
    return;
  }
  groups_.push_back(group_);
}

void Reader::close_group() {
  flush_bytes();
  skip_characters_ = 0;
  starred_ = false;
  if (n_too_deep_ > 0) {
    --n_too_deep_;
    return;
  }
  if (groups_.empty()) return;
  const Destination closed = group_.destination;
  if (closed == Destination::styles) end_style_name();
  group_ = groups_.back();
  groups_.pop_back();
  if (closed == Destination::note && group_.destination != Destination::note)
    notes_.push_back(std::exchange(note_, {}));
}

void Reader::end_style_name() {
  const int outline = style_outline_ > 0 ? style_outline_ : outline_of_style(style_name_);
  if (outline > 0 && style_ >= 0) style_outlines_[style_] = outline;
  style_name_.clear();
  style_outline_ = 0;
  style_ = 0;
}

std::string& Reader::sink() {
  switch (group_.destination) {
    case Destination::styles:
      return style_name_;
    case Destination::title:
      return title_;
    case Destination::author:
      return author_;
    case Destination::note:
      return note_;
    case Destination::marker:
      return marker_;
    default:
      return text_;
  }
}

void Reader::byte(unsigned char value) {
  if (skip_characters_ > 0) {
    --skip_characters_;
    return;
  }
  if (group_.destination == Destination::skipped || group_.destination == Destination::fonts || group_.hidden) return;
  if (value >= 0x80 || !pending_.empty()) {
    pending_ += static_cast<char>(value);
  } else {
    sink() += static_cast<char>(value);
  }
}

void Reader::flush_bytes() {
  if (pending_.empty()) return;
  const std::string bytes = std::exchange(pending_, {});
  Decoded decoded;
  if (decode_as(charset_of(group_.code_page), bytes, decoded)) {
    decoded.text.clear();  // of a page that is not known: as Windows-1252
    for (const char c : bytes) {
      const auto value = static_cast<unsigned char>(c);
      value < 0x80 ? void(decoded.text += c) : append_utf8(decoded.text, from_windows1252(value));
    }
  }
  sink() += decoded.text;
}

void Reader::add(std::string_view text) {
  flush_bytes();
  if (skip_characters_ > 0) {
    --skip_characters_;
    return;
  }
  if (group_.destination != Destination::skipped && group_.destination != Destination::fonts && !group_.hidden)
    sink() += text;
}

// A UTF-16 unit, as a signed number of 16 bits.
void Reader::unicode(int number) {
  skip_characters_ = 0;
  const auto unit = static_cast<char32_t>(number < 0 ? number + 65536 : number);
  std::string text;
  if (unit >= 0xd800 && unit < 0xdc00) {
    high_surrogate_ = unit;
  } else if (unit >= 0xdc00 && unit < 0xe000) {
    if (high_surrogate_ != 0) append_utf8(text, 0x10000 + ((high_surrogate_ - 0xd800) << 10) + (unit - 0xdc00));
    high_surrogate_ = 0;
  } else if (unit >= 0xf020 && unit <= 0xf0ff) {
    text = "•";  // of a symbol font
  } else if (unit < 0x110000) {
    append_utf8(text, unit);
  }
  add(text);
  skip_characters_ = group_.unicode_skip;
}

void Reader::end_paragraph() {
  flush_bytes();
  if (group_.destination != Destination::text) {
    if (group_.destination == Destination::note) note_ += ' ';
    return;
  }
  if (paragraph_.in_table) {
    text_ += ' ';
    return;
  }
  if (!cells_.empty()) end_row();
  const std::string text = std::exchange(text_, {});
  const std::string marker = std::exchange(marker_, {});
  const auto style = style_outlines_.find(paragraph_.style);
  const int outline = paragraph_.outline > 0 ? paragraph_.outline : style == style_outlines_.end() ? 0 : style->second;
  if (outline > 0) {
    blocks_.heading(outline, text);
  } else if (paragraph_.list_level >= 0 || !trim(marker).empty()) {
    const std::string number(trim(marker));
    const bool counted = !number.empty() && is_digit(number[0]);
    blocks_.item(counted ? number + " " : "- ", text, std::max(paragraph_.list_level, 0) + 1);
  } else {
    blocks_.paragraph(text);
  }
}

void Reader::end_cell() {
  flush_bytes();
  if (group_.destination != Destination::text) return;
  const std::string cell = collapsed(std::exchange(text_, {}));
  marker_.clear();
  if (cells_.size() < max_cells) cells_.push_back(cell);
}

void Reader::end_row() {
  blocks_.row(std::exchange(cells_, {}));
}

}  // namespace hearth::text::rtf

namespace hearth::text {

bool is_rtf(std::string_view head) {
  return head.starts_with("{\\rtf");
}

std::optional<Rejection> rtf_to_text(std::string_view bytes, Extracted& extracted) {
  rtf::Reader(bytes).read(extracted);
  if (extracted.text.empty()) return Rejection{"no-text", "the document has no text"};
  return std::nullopt;
}

}  // namespace hearth::text
