// SPDX-License-Identifier: Apache-2.0
// Grid tables (cells drawn in + - |) and simple tables (columns under runs of =): their rows.
#include <algorithm>

#include "lib/base/text.h"
#include "lib/text/extract/rst/parser.h"

namespace hearth::text::rst {
namespace {

constexpr std::size_t max_columns = 64;

// The byte at which the character of a column begins.
std::size_t byte_of_column(std::string_view line, std::size_t column) {
  std::size_t at = 0;
  while (at < line.size() && column > 0) {
    ++at;
    while (at < line.size() && (static_cast<unsigned char>(line[at]) & 0xc0) == 0x80) ++at;
    --column;
  }
  return at;
}

std::string_view columns(std::string_view line, std::size_t begin, std::size_t end) {
  const std::size_t first = byte_of_column(line, begin);
  const std::size_t last = end == std::string_view::npos ? line.size() : byte_of_column(line, end);
  return line.substr(first, last - first);
}

bool is_only(std::string_view text, std::string_view characters) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

}  // namespace

std::size_t Parser::grid_table(const Body& body, std::size_t i) {
  std::vector<std::size_t> bars;
  const std::string_view border = line(body, i);
  for (std::size_t at = border.find('+'); at != std::string_view::npos && bars.size() < max_columns;
       at = border.find('+', at + 1)) {
    bars.push_back(at);
  }
  close_item(body.depth);
  std::vector<std::string> cells(bars.size() - 1);
  const auto end_row = [&] {
    for (std::string& cell : cells) cell = plain(cell);
    blocks_.row(cells, body.depth);
    cells.assign(bars.size() - 1, "");
  };
  for (++i; i < body.end && !is_blank(i); ++i) {
    const std::string_view text = line(body, i);
    if (!text.starts_with('+') && !text.starts_with('|')) break;
    if (text.starts_with('+') && is_only(text, "+-=")) {
      end_row();
      continue;
    }
    for (std::size_t column = 0, from = bars[0] + 1; column + 1 < bars.size(); ++column) {
      const std::string_view bar = columns(text, bars[column + 1], bars[column + 1] + 1);
      const bool spans = bar != "|" && bar != "+" && column + 2 < bars.size();
      if (spans) continue;
      const std::string_view cell = columns(text, from, bars[column + 1]);
      from = bars[column + 1] + 1;
      if (!is_only(cell, "-=+ ")) cells[column].append(" ").append(trim(cell));
    }
  }
  end_row();
  blocks_.end_table();
  return i;
}

std::size_t Parser::simple_table(const Body& body, std::size_t i) {
  const std::string_view border = line(body, i);
  std::vector<std::size_t> begins;
  for (std::size_t at = 0; at < border.size() && begins.size() < max_columns;) {
    begins.push_back(at);
    at = std::min(border.find(' ', at), border.size());
    at = std::min(border.find('=', at), border.size());
  }
  // The table ends at a border behind which nothing more stands; the second border closes the header.
  std::size_t end = i + 1;
  for (std::size_t k = i + 1; k < body.end; ++k) {
    const std::string_view text = line(body, k);
    if (!text.starts_with("==") || !is_only(text, "= ")) continue;
    end = k + 1;
    if (end >= body.end || is_blank(end)) break;
  }
  if (end == i + 1) return i;
  close_item(body.depth);
  std::vector<std::string> cells;
  const auto end_row = [&] {
    for (std::string& cell : cells) cell = plain(cell);
    if (!cells.empty()) blocks_.row(cells, body.depth);
    cells.clear();
  };
  for (std::size_t k = i + 1; k < end; ++k) {
    const std::string_view text = line(body, k);
    if (is_only(text, "= ") || is_only(text, "- ")) continue;
    const std::size_t second = begins.size() > 1 ? begins[1] : std::string_view::npos;
    if (cells.empty() || !trim(columns(text, 0, second)).empty()) {
      end_row();
      cells.resize(begins.size());
    }
    for (std::size_t column = 0; column < begins.size(); ++column) {
      const bool last = column + 1 == begins.size();
      const std::string_view cell = columns(text, begins[column], last ? std::string_view::npos : begins[column + 1]);
      cells[column].append(" ").append(trim(cell));
    }
  }
  end_row();
  blocks_.end_table();
  return end;
}

}  // namespace hearth::text::rst
