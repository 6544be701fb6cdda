// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/pdf.h"

#include <algorithm>
#include <array>
#include <map>

#include "lib/base/error.h"
#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/text/encoding.h"
#include "lib/text/extract/external.h"

namespace hearth::text {
namespace {

constexpr std::size_t magic_within_bytes = 1024;  // readers accept so much in front of "%PDF-" (ISO 32000, annex H)
constexpr std::size_t edge_lines = 2;             // of a page's top and bottom may be a header or footer
constexpr std::size_t least_pages = 3;            // fewer do not show what repeats

using Page = std::vector<std::string>;  // its lines, "" between paragraphs

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string unescape(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, char>, 5> entities = {
      {{"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&amp;", '&'}}};
  std::string out;
  while (!text.empty()) {
    const auto* entity = std::find_if(entities.begin(), entities.end(),
                                      [&](const auto& known) { return text.starts_with(known.first); });
    out += entity != entities.end() ? entity->second : text[0];
    text.remove_prefix(entity != entities.end() ? entity->first.size() : 1);
  }
  return out;
}

std::string_view between(std::string_view text, std::string_view open, std::string_view close) {
  const std::size_t begin = text.find(open);
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin + open.size());
  return text.substr(0, text.find(close));
}

void add_metadata(std::string_view head, std::size_t n_pages, Extracted& extracted) {
  const std::array<std::pair<std::string_view, std::string_view>, 3> fields = {
      {{"title", between(head, "<title>", "</title>")},
       {"author", between(head, "<meta name=\"Author\" content=\"", "\"/>")},
       {"date", between(head, "<meta name=\"CreationDate\" content=\"", "\"/>")}}};
  for (const auto& [name, value] : fields) {
    const std::string text = unescape(trim(value));
    if (!text.empty() && is_valid_utf8(text)) extracted.attributes.emplace_back(name, dump_json(Json(text)));
  }
  extracted.attributes.emplace_back("pages", std::to_string(n_pages));
}

std::vector<Page> pages_of(std::string_view text) {
  std::vector<Page> pages;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\f'), text.size());
    Page page = split(std::string(text.substr(0, end)), '\n');
    const auto is_blank = [](const std::string& line) { return trim(line).empty(); };
    while (!page.empty() && is_blank(page.back())) page.pop_back();
    page.erase(page.begin(), std::find_if_not(page.begin(), page.end(), is_blank));
    pages.push_back(std::move(page));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  while (!pages.empty() && pages.back().empty()) pages.pop_back();
  return pages;
}

// A line as headers and footers repeat it: with any page number.
std::string shape_of(std::string_view line) {
  std::string shape;
  for (const char c : trim(line)) {
    if (!is_digit(c)) shape += c;
    if (is_digit(c) && !shape.ends_with('#')) shape += '#';
  }
  return shape;
}

bool is_page_number(std::string_view line) {
  const std::string shape = shape_of(line);
  constexpr std::array<std::string_view, 5> forms = {"#", "- # -", "-#-", "Page #", "Page # of #"};
  const std::string_view roman = trim(line);
  return std::find(forms.begin(), forms.end(), shape) != forms.end() ||
         (!roman.empty() && roman.size() <= 6 && roman.find_first_not_of("ivxlc") == std::string_view::npos);
}

// Indices of the lines of a page that may be a header or footer, from the edge inwards.
std::vector<std::size_t> edges_of(const Page& page) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0, n = 0; i < page.size() && n < edge_lines; ++i) {
    if (!page[i].empty()) found.push_back(i), ++n;
  }
  for (std::size_t i = page.size(), n = 0; i > 0 && n < edge_lines; --i) {
    if (!page[i - 1].empty()) found.push_back(i - 1), ++n;
  }
  return found;
}

// Odd and even pages may differ, and chapters: what a quarter of the pages show at an edge, and three at least,
// repeats.
void remove_page_furniture(std::vector<Page>& pages) {
  if (pages.size() < least_pages) return;
  std::map<std::string, std::size_t> n_seen;
  for (const Page& page : pages) {
    std::vector<std::string> shapes;
    for (const std::size_t i : edges_of(page)) shapes.push_back(shape_of(page[i]));
    std::sort(shapes.begin(), shapes.end());
    shapes.erase(std::unique(shapes.begin(), shapes.end()), shapes.end());
    for (const std::string& shape : shapes) ++n_seen[shape];
  }
  const std::size_t wanted = std::max(least_pages, pages.size() / 4);
  for (Page& page : pages) {
    std::vector<bool> drop(page.size(), false);
    for (const std::size_t i : edges_of(page)) drop[i] = n_seen[shape_of(page[i])] >= wanted || is_page_number(page[i]);
    std::size_t i = 0;
    std::erase_if(page, [&](const std::string&) { return drop[i++]; });
    while (!page.empty() && page.back().empty()) page.pop_back();
    page.erase(page.begin(), std::find_if(page.begin(), page.end(), [](const auto& line) { return !line.empty(); }));
  }
}

// A paragraph that a page's end cuts goes on without an empty line: when no sentence ends there and none begins.
bool goes_on(std::string_view before, std::string_view after) {
  return !before.empty() && !after.empty() && std::string_view(".!?:").find(before.back()) == std::string_view::npos &&
         after.front() >= 'a' && after.front() <= 'z';
}

std::string join_pages(const std::vector<Page>& pages) {
  std::string out, last;
  for (const Page& page : pages) {
    if (page.empty()) continue;
    if (!last.empty() && !goes_on(last, page.front())) out += '\n';
    for (std::size_t i = 0; i < page.size(); ++i) {
      if (i > 0 && page[i].empty() && page[i - 1].empty()) continue;
      out += page[i] + "\n";
    }
    last = page.back();
  }
  return out;
}

}  // namespace

bool is_pdf(std::string_view bytes) {
  return bytes.substr(0, magic_within_bytes).find("%PDF-") != std::string_view::npos &&
         (bytes.starts_with("%PDF-") || looks_binary(bytes));
}

void read_pdftotext(std::string_view printed, Extracted& extracted) {
  const std::size_t open = printed.find("<pre>\n"), close = printed.rfind("</pre>");
  if (open == std::string_view::npos || close == std::string_view::npos || close < open + 6) return;
  const std::string_view body = printed.substr(open + 6, close - open - 6);
  add_metadata(printed.substr(0, open), static_cast<std::size_t>(std::count(body.begin(), body.end(), '\f')),
               extracted);
  std::vector<Page> pages = pages_of(body);
  remove_page_furniture(pages);
  extracted.text = join_pages(pages);
}

std::optional<Rejection> pdf_to_text(std::string_view pdf, const ChildLimits& limits, Extracted& extracted) {
  if (find_program("pdftotext").empty())
    return Rejection{"parser-missing", "PDF needs the program pdftotext (Debian package poppler-utils)"};
  const ChildResult result = run_child({"pdftotext", "-htmlmeta", "-enc", "UTF-8", "-", "-"}, pdf, limits);
  if (!result.succeeded()) {
    if (result.errors.find("Incorrect password") != std::string::npos)
      return Rejection{"encrypted", "the PDF asks for a password"};
    return parser_rejection("pdftotext", result, limits);
  }
  read_pdftotext(result.output, extracted);
  if (!is_valid_utf8(extracted.text)) {
    Decoded decoded;
    if (auto rejection = decode(std::move(extracted.text), decoded)) return rejection;
    extracted.text = std::move(decoded.text);
  }
  if (trim(extracted.text).empty()) return Rejection{"no-text", "its pages are pictures; recognise their text first"};
  return std::nullopt;
}

}  // namespace hearth::text
