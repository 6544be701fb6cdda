// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/markdown.h"

#include <algorithm>
#include <optional>

#include "lib/base/json_value.h"
#include "lib/base/text.h"

namespace hearth::text {
namespace {

// Takes the first line of text, without its end.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

void add_field(std::string_view line, char separator, Extracted& extracted) {
  const std::size_t at = line.find(separator);
  if (at == std::string_view::npos) return;
  const std::string_view key = trim(line.substr(0, at));
  std::string_view value = trim(line.substr(at + 1));
  for (const char quote : {'"', '\''}) {
    if (value.size() >= 2 && value.front() == quote && value.back() == quote) value = value.substr(1, value.size() - 2);
  }
  for (const std::string_view known : {"title", "author", "date"}) {
    if (key == known && !value.empty() && std::string_view("[{|>&").find(value.front()) == std::string_view::npos)
      extracted.attributes.emplace_back(known, dump_json(Json(std::string(value))));
  }
}

// What follows the front matter; all of it when there is none. "---" may also be a rule: then no field follows.
std::string_view without_front_matter(std::string_view markdown, Extracted& extracted) {
  std::string_view rest = markdown;
  const std::string_view fence = take_line(rest);
  if (fence != "---" && fence != "+++") return markdown;
  const char separator = fence == "---" ? ':' : '=';
  Extracted fields;
  bool has_field = false;
  while (!rest.empty()) {
    const std::string_view line = take_line(rest);
    if (line == fence || (fence == "---" && line == "...")) {
      if (!has_field) return markdown;
      for (auto& field : fields.attributes) extracted.attributes.push_back(std::move(field));
      return rest;
    }
    if (!has_field && trim(line).empty()) return markdown;
    has_field = has_field || line.find(separator) != std::string_view::npos;
    add_field(line, separator, fields);
  }
  return markdown;
}

// The fence that a line opens or closes: its characters, or "".
std::string_view fence_of(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(' ');
  if (begin == std::string_view::npos || begin > 3 || (line[begin] != '`' && line[begin] != '~')) return {};
  const std::size_t end = std::min(line.find_first_not_of(line[begin], begin), line.size());
  return end - begin >= 3 ? line.substr(begin, end - begin) : std::string_view();
}

bool is_indented(std::string_view line) {
  return line.starts_with("    ") || line.starts_with("\t");
}

// Where a comment begins in a line, not inside a code span.
std::size_t comment_in(std::string_view line) {
  const std::size_t at = line.find("<!--");
  if (at == std::string_view::npos || is_indented(line)) return std::string_view::npos;
  return std::count(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(at), '`') % 2 == 0
             ? at
             : std::string_view::npos;
}

}  // namespace

void markdown_to_text(std::string_view markdown, Extracted& extracted) {
  std::string_view rest = without_front_matter(markdown, extracted);
  std::string_view open_fence;
  while (!rest.empty()) {
    const std::string_view from_here = rest;
    const std::string_view line = take_line(rest);
    const std::string_view fence = fence_of(line);
    if (open_fence.empty()) {
      open_fence = fence;
    } else if (!fence.empty() && fence.front() == open_fence.front() && fence.size() >= open_fence.size()) {
      open_fence = {};
    }
    const std::size_t comment = open_fence.empty() ? comment_in(line) : std::string_view::npos;
    const std::size_t end = comment == std::string_view::npos ? comment : from_here.find("-->", comment);
    if (end == std::string_view::npos) {
      extracted.text += from_here.substr(0, from_here.size() - rest.size());
      continue;
    }
    extracted.text += line.substr(0, comment);
    rest = from_here.substr(end + 3);
    if (trim(line.substr(0, comment)).empty() && rest.starts_with('\n')) rest.remove_prefix(1);
  }
}

}  // namespace hearth::text
