// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <vector>

#include "lib/base/text.h"
#include "lib/text/mail/mail.h"

namespace hearth::text {
namespace {

constexpr std::size_t longest_kept_quote = 4;  // lines

bool is_quoted(std::string_view line) {
  line = trim(line);
  return line.starts_with('>') || line.starts_with("|>");
}

// "On Monday, A wrote:", "Am 3.4. schrieb A:", "Le ... a écrit :": introduces what is quoted.
bool introduces_quote(std::string_view line) {
  static constexpr std::array<std::string_view, 12> ends = {
      "wrote:", "writes:",   "wrote :",  "schrieb:", "écrit :", "écrit :",
      "écrit:", "escribió:", "scritto:", "schreef:", "skrev:",  "napisał(a):"};
  line = trim(line);
  if (std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return line.ends_with(end); })) return true;
  return line.ends_with(':') && line.starts_with("Am ") && line.find("schrieb") != std::string_view::npos;
}

// From here on stands an older mail, whole.
bool begins_older_mail(std::string_view line, std::string_view next) {
  line = trim(line);
  static constexpr std::array<std::string_view, 7> lines = {
      "Original Message", "Original message",    "Ursprüngliche Nachricht", "Message d'origine",
      "Mensaje original", "Messaggio originale", "Oorspronkelijk bericht"};
  if (line.starts_with("---") && line.ends_with("---")) {
    return std::any_of(lines.begin(), lines.end(),
                       [&](std::string_view text) { return line.find(text) != std::string_view::npos; });
  }
  const bool rule = line.size() >= 20 && line.find_first_not_of('_') == std::string_view::npos;
  return rule && (trim(next).starts_with("From:") || trim(next).starts_with("Von:") || trim(next).starts_with("De :") ||
                  trim(next).ends_with("mailing list"));
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// The line behind the last one that belongs: a signature or an older mail follows.
std::size_t own_end(const std::vector<std::string_view>& lines) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i] == "-- " || lines[i] == "--") return i;
    if (begins_older_mail(lines[i], i + 1 < lines.size() ? lines[i + 1] : std::string_view())) return i;
  }
  return lines.size();
}

// Takes the line that introduced a quote, perhaps wrapped over two, off what is kept.
void drop_introduction(std::vector<std::string_view>& kept) {
  std::size_t last = kept.size();
  while (last > 0 && trim(kept[last - 1]).empty()) --last;
  if (last == 0 || !introduces_quote(kept[last - 1])) return;
  --last;
  const bool wrapped = last > 0 && (kept[last - 1].starts_with("On ") || kept[last - 1].starts_with("Am ") ||
                                    kept[last - 1].starts_with("Le ") || kept[last - 1].starts_with("El "));
  const bool whole = kept[last].starts_with("On ") || kept[last].starts_with("Am ") || kept[last].starts_with("Le ");
  kept.resize(wrapped && !whole ? last - 1 : last);
}

}  // namespace

std::string without_quotes(std::string_view text) {
  const std::vector<std::string_view> lines = lines_of(text);
  const std::size_t end = own_end(lines);
  std::vector<std::string_view> kept;
  for (std::size_t i = 0; i < end;) {
    if (!is_quoted(lines[i])) {
      kept.push_back(lines[i++]);
      continue;
    }
    std::size_t behind = i;
    while (behind < end && is_quoted(lines[behind])) ++behind;
    std::size_t next = behind;
    while (next < end && trim(lines[next]).empty()) ++next;
    const bool is_answered = next < end && !is_quoted(lines[next]);
    if (is_answered && behind - i <= longest_kept_quote) {
      kept.insert(kept.end(), lines.begin() + static_cast<std::ptrdiff_t>(i),
                  lines.begin() + static_cast<std::ptrdiff_t>(behind));
    } else {
      drop_introduction(kept);
    }
    i = behind;
  }
  std::string own;
  for (const std::string_view line : kept) own.append(line).append(1, '\n');
  return own;
}

}  // namespace hearth::text
