// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/man/man.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/text/extract/man/page.h"

namespace hearth::text {
namespace {

constexpr std::size_t most_lines_before = 400;  // comments and definitions in front of a page's title

std::string_view first_word(std::string_view line) {
  return line.substr(0, std::min(line.find_first_of(" \t"), line.size()));
}

// What a page of one request names: "man1/other.1"; "" for others.
std::string link_target(std::string_view source) {
  std::string target;
  while (!source.empty()) {
    const std::size_t end = std::min(source.find('\n'), source.size());
    const std::string_view line = trim(source.substr(0, end));
    source.remove_prefix(std::min(end + 1, source.size()));
    if (line.empty() || line.starts_with(".\\\"") || line.starts_with("'\\\"") || line.starts_with("\\\"")) continue;
    if (!line.starts_with(".so ") || !target.empty()) return {};
    target = trim(line.substr(4));
  }
  return target;
}

}  // namespace

bool looks_like_man(std::string_view head) {
  for (std::size_t n = 0; n < most_lines_before && !head.empty(); ++n) {
    const std::size_t end = std::min(head.find('\n'), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 1, head.size()));
    const std::string_view word = first_word(line);
    if (word == ".TH" || word == ".Dd" || word == ".Dt" || word == ".so" || word == "'TH" || word == ".Sh") return true;
    const bool may_come_before = trim(line).empty() || line.starts_with('.') || line.starts_with('\'') || n > 0;
    if (!may_come_before) return false;
  }
  return false;
}

std::optional<Rejection> man_to_text(std::string_view source, Extracted& extracted) {
  if (const std::string target = link_target(source); !target.empty())
    return Rejection{"man-link", "stands for " + target};
  man::Roff roff(source);
  man::Page page;
  man::Line line;
  while (roff.next(line)) {  // the first macro tells the package; what stands before it is not the page's
    const bool is_mdoc = line.macro == "Dd" || line.macro == "Dt" || line.macro == "Sh";
    if (!is_mdoc && line.macro != "TH" && line.macro != "SH") continue;
    is_mdoc ? read_mdoc(roff, line, page) : read_man(roff, line, page);
    break;
  }
  extracted.text = page.finish();
  if (extracted.text.empty()) return Rejection{"no-text", "the manual page has no text"};
  return std::nullopt;
}

}  // namespace hearth::text
