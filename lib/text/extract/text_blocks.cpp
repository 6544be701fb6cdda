// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/text_blocks.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"

namespace hearth::text {
namespace {

constexpr int max_depth = 8;  // deeper lists are indented no further

std::size_t indent_of(int depth) {
  return 2 * static_cast<std::size_t>(std::clamp(depth, 0, max_depth));
}

std::string_view without_blank_ends(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  for (std::size_t end = text.find('\n'); end != std::string_view::npos && trim(text.substr(0, end)).empty();
       end = text.find('\n')) {
    text.remove_prefix(end + 1);
  }
  return text;
}

}  // namespace

std::string collapsed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
    if (!space) out += c;
    if (space && !out.empty() && out.back() != ' ') out += ' ';
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

void TextBlocks::begin(Kind kind, bool joins) {
  if (!out_.empty()) out_ += joins && last_ == kind ? "\n" : "\n\n";
  last_ = kind;
}

void TextBlocks::lines(std::string_view text, std::size_t indent) {
  for (const char c : text) {
    if (c != '\n' && indent > 0 && out_.ends_with('\n')) out_.append(indent, ' ');
    out_ += c;
  }
}

void TextBlocks::heading(int level, std::string_view text) {
  const std::string line = collapsed(text);
  if (line.empty()) return;
  begin(Kind::block, false);
  out_ += std::string(static_cast<std::size_t>(std::clamp(level, 1, 6)), '#') + " " + line;
}

void TextBlocks::paragraph(std::string_view text, int depth) {
  const std::string_view body = trim(text);
  if (body.empty()) return;
  begin(depth > 0 ? Kind::in_list : Kind::block, false);
  out_.append(indent_of(depth), ' ');
  lines(body, indent_of(depth));
}

void TextBlocks::item(std::string_view marker, std::string_view text, int depth) {
  const std::string_view body = trim(text);
  if (body.empty()) return;
  begin(Kind::in_list, true);
  out_.append(indent_of(depth - 1), ' ');
  out_ += marker;
  lines(body, indent_of(depth - 1) + marker.size());
}

void TextBlocks::row(const std::vector<std::string>& cells, int depth) {
  std::size_t n = cells.size();
  while (n > 0 && cells[n - 1].empty()) --n;
  if (n == 0) return;
  begin(Kind::row, true);
  out_.append(indent_of(depth), ' ');
  for (std::size_t i = 0; i < n; ++i) out_.append(i > 0 ? " | " : "").append(collapsed(cells[i]));
}

void TextBlocks::fenced(std::string_view text, std::string_view language, int depth) {
  const std::string_view body = without_blank_ends(text);
  if (body.empty()) return;
  std::size_t n_ticks = 2, run = 0;
  for (const char c : body) {
    run = c == '`' ? run + 1 : 0;
    n_ticks = std::max(n_ticks, run);
  }
  const std::string fence(n_ticks + 1, '`'), indent(indent_of(depth), ' ');
  begin(depth > 0 ? Kind::in_list : Kind::block, false);
  out_.append(indent).append(fence).append(language).append("\n");
  lines(body, indent.size());
  out_.append("\n").append(indent).append(fence);
}

std::string TextBlocks::finish() {
  if (!out_.empty()) out_ += '\n';
  return std::exchange(out_, {});
}

}  // namespace hearth::text
