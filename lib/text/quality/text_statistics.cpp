// SPDX-License-Identifier: Apache-2.0
#include "lib/text/quality/text_statistics.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "lib/text/byte_scan.h"
#include "lib/text/encoding.h"
#include "lib/text/quality/stop_words.h"

namespace hearth::text {
namespace {

// How many bytes are wanted. As comparisons joined by & and |, vector code; 8-bit sums of at most 255 rounds.
template <class Is>
std::uint64_t count_bytes(std::string_view text, Is is) {
  constexpr std::size_t width = 64, rounds = 255;
  std::uint64_t sum = 0;
  std::size_t at = 0;
  while (at + width <= text.size()) {
    std::array<std::uint8_t, width> counts{};
    for (std::size_t round = 0; round < rounds && at + width <= text.size(); ++round, at += width) {
      for (std::size_t i = 0; i < width; ++i)
        counts[i] = static_cast<std::uint8_t>(counts[i] + (is(static_cast<unsigned char>(text[at + i])) ? 1 : 0));
    }
    for (const std::uint8_t count : counts) sum += count;
  }
  for (; at < text.size(); ++at) sum += is(static_cast<unsigned char>(text[at])) ? 1 : 0;
  return sum;
}

std::uint64_t characters_of(std::string_view text) {
  return count_bytes(text, [](unsigned char byte) { return (byte & 0xC0u) != 0x80u; });
}

std::uint64_t count_of(std::string_view text, std::string_view part) {
  std::uint64_t n = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

bool is_blank_byte(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

std::string_view trim_blank(std::string_view line) {
  while (!line.empty() && is_blank_byte(line.front())) line.remove_prefix(1);
  while (!line.empty() && is_blank_byte(line.back())) line.remove_suffix(1);
  return line;
}

// Columns of a line, as far as it matters whether they exceed most.
bool is_short_line(std::string_view line, std::uint64_t most) {
  if (line.size() > 4 * most) return false;
  std::uint64_t columns = 0;
  for (std::size_t at = 0; at < line.size();) {
    if (static_cast<unsigned char>(line[at]) < 0x80) {
      ++at, ++columns;
    } else {
      columns += is_wide(next_code_point(line, at)) ? 2 : 1;
    }
  }
  return columns <= most;
}

void count_line(std::string_view line, LineCounts& counts, PieceSet* filled) {
  ++counts.n_lines;
  constexpr std::uint64_t long_line = 200, short_line = 30;
  if (line.size() >= long_line && characters_of(line) >= long_line) ++counts.n_long;
  const std::string_view body = trim_blank(line);
  if (body.empty()) return;
  ++counts.n_filled;
  counts.n_bullets += body.starts_with('-') || body.starts_with("\u2022") ? 1 : 0;
  counts.n_ellipses += body.ends_with("...") || body.ends_with("\u2026") ? 1 : 0;
  counts.n_finished += ends_sentence(line) ? 1 : 0;
  counts.n_short += is_short_line(line, short_line) ? 1 : 0;
  if (filled != nullptr) filled->add(line);
}

// f(line) of each line.
template <class F>
void for_each_line(std::string_view text, F f) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    f(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void measure_lines(std::string_view text, const Wanted& wanted, TextStatistics& statistics) {
  PieceSet filled(statistics.n_newlines + 1), pieces(statistics.n_newlines + 1);
  for_each_line(text, [&](std::string_view line) {
    count_line(line, statistics.lines, wanted.pieces ? &filled : nullptr);
    if (wanted.pieces && !line.empty()) pieces.add(line);
  });
  if (!wanted.pieces) return;
  // A split at line feeds has an empty piece before the first and behind the last one.
  if (text.starts_with('\n')) pieces.add("");
  if (text.ends_with('\n')) pieces.add("");
  statistics.lines.filled = filled.found();
  statistics.line_pieces = pieces.found();
  PieceSet paragraphs(statistics.n_newlines / 8 + 1);
  std::string_view rest = trim_blank(text);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find("\n\n"), rest.size());
    paragraphs.add(rest.substr(0, end));
    rest.remove_prefix(std::min(rest.find_first_not_of('\n', end), rest.size()));
  }
  statistics.paragraph_pieces = paragraphs.found();
}

// Characters of "http://..." and "https://..." up to white space.
std::uint64_t characters_of_urls(std::string_view text) {
  std::uint64_t sum = 0;
  for (std::size_t at = text.find("://"); at != std::string_view::npos; at = text.find("://", at)) {
    const std::string_view before = text.substr(0, at);
    const std::size_t scheme = before.ends_with("https") ? 5 : before.ends_with("http") ? 4 : 0;
    const std::size_t end =
        find_byte(text, at, [](unsigned char byte) { return (byte == ' ') | ((byte >= '\t') & (byte <= '\r')); });
    if (scheme > 0) sum += scheme + characters_of(text.substr(at, end - at));
    at = end;
  }
  return sum;
}

}  // namespace

bool ends_sentence(std::string_view line) {
  if (line.empty()) return false;
  const auto last = static_cast<unsigned char>(line.back());
  if (last < 0x80) return last == '.' || last == '?' || last == '!';
  constexpr std::string_view others[] = {"\u3002", "\uff01", "\uff1f", "\uff0e", "\uff61", "\u061f", "\u06d4", "\u0964",
                                         "\u0965", "\u0589", "\u1362", "\u1367", "\u203c", "\u203d", "\u2047", "\u2048",
                                         "\u2049", "\u2e2e", "\u17d4", "\u17d5", "\u104a", "\u104b"};
  return std::ranges::any_of(others, [&](std::string_view end) { return line.ends_with(end); });
}

TextStatistics measure_text(std::string_view text, std::string_view language, const Wanted& wanted) {
  TextStatistics statistics;
  statistics.n_characters = characters_of(text);
  statistics.n_newlines = count_bytes(text, [](unsigned char byte) { return byte == '\n'; });
  statistics.n_white_space =
      count_bytes(text, [](unsigned char byte) { return (byte == ' ') | ((byte >= '\t') & (byte <= '\r')); });
  statistics.n_hashes = count_bytes(text, [](unsigned char byte) { return byte == '#'; });
  statistics.n_parentheses = count_bytes(text, [](unsigned char byte) { return (byte == '(') | (byte == ')'); });
  statistics.n_ellipses = count_of(text, "...");
  if (statistics.n_characters < text.size()) statistics.n_ellipses += count_of(text, "\u2026");
  statistics.url_characters = characters_of_urls(text);
  measure_lines(text, wanted, statistics);
  const std::string_view list = wanted.stop_words ? stop_words(language) : std::string_view{};
  std::vector<Word> words;
  statistics.words = split_words(text, wanted.grams || !list.empty() ? &words : nullptr);
  if (!list.empty()) statistics.n_stop_words = count_stop_words(list, words);
  if (wanted.grams) {
    statistics.grams = gram_repetition(words);
    statistics.n_looked = std::min(words.size(), most_words);
  }
  return statistics;
}

}  // namespace hearth::text
