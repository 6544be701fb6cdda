// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/office_blocks.h"

#include <algorithm>

#include "lib/base/text.h"

namespace hearth::text {
namespace {

constexpr std::size_t max_text_bytes = 64u << 20;  // cells may name one long shared string a million times
constexpr int max_item_depth = 8;

std::string indented(std::string_view text, std::size_t n_spaces) {
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == '\n') out.append(n_spaces, ' ');
  }
  return out;
}

void append_with_space(std::string& to, const std::string& text) {
  if (!to.empty() && !text.empty()) to += ' ';
  to += text;
}

}  // namespace

std::string on_one_line(std::string_view text) {
  std::string out;
  for (const char c : trim(text)) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!space) out += c;
    if (space && !out.ends_with(' ')) out += ' ';
  }
  return out;
}

void OfficeBlocks::add(std::string_view text) {
  if (!lines_.empty()) lines_.back() += text;
}

void OfficeBlocks::close_paragraph(const ParagraphForm& form) {
  if (lines_.empty()) return;
  const std::string line = std::move(lines_.back());
  lines_.pop_back();
  add_paragraph(line, form);
}

void OfficeBlocks::add_paragraph(std::string_view paragraph, const ParagraphForm& form) {
  const std::string_view text = trim(paragraph);
  if (text.empty()) return;
  if (!open_notes_.empty()) return append_with_space(notes_[open_notes_.back()], on_one_line(text));
  if (n_tables_ > 0) {
    if (cells_.empty()) cells_.emplace_back();
    return append_with_space(cells_.back(), on_one_line(text));
  }
  if (form.heading > 0) {
    const auto level = static_cast<std::size_t>(std::min(form.heading, 6));
    emit(std::string(level, '#') + " " + on_one_line(text), Last::paragraph);
  } else if (form.item > 0) {
    const auto indent = static_cast<std::size_t>(2 * (std::min(form.item, max_item_depth) - 1));
    emit(std::string(indent, ' ') + "- " + indented(text, indent + 2), Last::item);
  } else {
    emit(std::string(text), Last::paragraph);
  }
}

std::string OfficeBlocks::next_mark() const {
  return "[^" + std::to_string(notes_.size() + 1) + "]";
}

void OfficeBlocks::open_note() {
  add(next_mark());
  open_notes_.push_back(notes_.size());
  notes_.emplace_back();
}

void OfficeBlocks::open_table() {
  if (n_tables_++ == 0) last_ = last_ == Last::row ? Last::paragraph : last_;
}

void OfficeBlocks::close_table() {
  if (--n_tables_ == 0) last_ = last_ == Last::row ? Last::paragraph : last_;
}

void OfficeBlocks::open_row() {
  if (n_tables_ == 1) cells_.clear();
}

void OfficeBlocks::open_cell() {
  if (n_tables_ == 1) cells_.emplace_back();
}

void OfficeBlocks::close_row() {
  if (n_tables_ != 1) return;
  add_row(cells_);
  cells_.clear();
}

void OfficeBlocks::add_row(const std::vector<std::string>& cells) {
  std::size_t n = cells.size();
  while (n > 0 && cells[n - 1].empty()) --n;
  if (n == 0) return;
  std::string row;
  for (std::size_t i = 0; i < n; ++i) row += (i > 0 ? " | " : "") + cells[i];
  emit(row, Last::row);
}

void OfficeBlocks::emit(const std::string& text, Last kind) {
  if (out_.size() + text.size() > max_text_bytes)
    throw OfficeRefusal("too-large", "more than " + human_bytes(max_text_bytes) + " of text");
  if (!out_.empty()) out_ += last_ == kind && kind != Last::paragraph ? "\n" : "\n\n";
  out_ += text;
  last_ = kind;
}

std::string OfficeBlocks::finish() {
  for (std::size_t i = 0; i < notes_.size(); ++i) {
    if (!notes_[i].empty()) emit("[^" + std::to_string(i + 1) + "]: " + notes_[i], Last::item);
  }
  if (!out_.empty()) out_ += '\n';
  return std::move(out_);
}

}  // namespace hearth::text
