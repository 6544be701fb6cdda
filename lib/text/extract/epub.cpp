// SPDX-License-Identifier: Apache-2.0
// EPUB 2 and 3: the XHTML files of the spine in order, each read as an HTML page. Left out: what the spine calls not
// linear, and the navigation.
#include <algorithm>
#include <array>
#include <map>
#include <pugixml.hpp>
#include <set>

#include "lib/base/text.h"
#include "lib/text/encoding.h"
#include "lib/text/extract/office_blocks.h"
#include "lib/text/extract/office_package.h"
#include "lib/text/html.h"

namespace hearth::text {
namespace {

constexpr std::size_t max_text_bytes = 64u << 20;

struct ManifestItem {
  std::string part;
  bool is_page = false;
};

bool is_void(std::string_view tag) {
  constexpr std::array<std::string_view, 14> tags = {"area",  "base", "br",   "col",   "embed",  "hr",    "img",
                                                     "input", "link", "meta", "param", "source", "track", "wbr"};
  return std::find(tags.begin(), tags.end(), tag) != tags.end();
}

// HTML takes "<title/>" for an element that goes on; XHTML means an empty one, which is written out here.
std::string html_of_xhtml(std::string_view xhtml) {
  std::string html;
  while (!xhtml.empty()) {
    const std::size_t open = std::min(xhtml.find('<'), xhtml.size());
    html += xhtml.substr(0, open);
    xhtml.remove_prefix(open);
    const std::size_t end = xhtml.find('>');
    if (end == std::string_view::npos) break;
    const std::string_view tag = xhtml.substr(0, end + 1);
    const std::string_view name = tag.substr(1).substr(0, tag.substr(1).find_first_of(" \t\r\n/>"));
    xhtml.remove_prefix(tag.size());
    const bool is_empty = tag.ends_with("/>") && !name.empty() && name.front() != '!' && !is_void(name);
    if (is_empty) {
      html += tag.substr(0, tag.size() - 2);
      html += "></" + std::string(name) + ">";
    } else {
      html += tag;
    }
  }
  html += xhtml;
  return html;
}

std::map<std::string, ManifestItem> manifest_of(const pugi::xml_node& root, const std::string& part) {
  std::map<std::string, ManifestItem> items;
  for (const pugi::xml_node& item : child(root, "manifest").children()) {
    const std::string_view type = attribute(item, "media-type");
    const std::string properties = " " + std::string(attribute(item, "properties")) + " ";
    const bool is_page =
        (type == "application/xhtml+xml" || type == "text/html") && properties.find(" nav ") == std::string::npos;
    items.try_emplace(std::string(attribute(item, "id")),
                      ManifestItem{resolve_part(part, attribute(item, "href")), is_page});
  }
  return items;
}

// Parts that META-INF/encryption.xml names: with copy protection pages, else only fonts.
std::set<std::string> encrypted_parts(OfficePackage& package) {
  std::set<std::string> parts;
  pugi::xml_document tree;
  if (!package.parse("META-INF/encryption.xml", tree)) return parts;
  for (const pugi::xml_node& data : tree.document_element().children()) {
    const pugi::xml_node reference = child(child(data, "CipherData"), "CipherReference");
    parts.insert(resolve_part("", attribute(reference, "URI")));
  }
  return parts;
}

std::optional<Rejection> append_page(OfficePackage& package, const std::string& part, std::string& text) {
  Decoded decoded;
  if (auto rejection = decode(package.read(part), decoded)) return rejection;
  std::string page;
  if (auto rejection = html_to_text(html_of_xhtml(decoded.text), page)) return rejection;
  if (trim(page).empty()) return std::nullopt;
  if (!text.empty()) text += text.ends_with('\n') ? "\n" : "\n\n";
  text += page;
  if (text.size() > max_text_bytes)
    throw OfficeRefusal("too-large", "more than " + human_bytes(max_text_bytes) + " of text");
  return std::nullopt;
}

}  // namespace

std::optional<Rejection> read_epub(OfficePackage& package, Extracted& extracted) {
  pugi::xml_document tree;
  if (!package.parse("META-INF/container.xml", tree)) throw Error(Kind::data, "an EPUB without META-INF/container.xml");
  const pugi::xml_node rootfile = child(child(tree.document_element(), "rootfiles"), "rootfile");
  const std::string part = resolve_part("", attribute(rootfile, "full-path"));
  parse_xml(package.read(part), part, tree);
  const pugi::xml_node root = tree.document_element();
  const auto items = manifest_of(root, part);
  const std::set<std::string> encrypted = encrypted_parts(package);
  for (const pugi::xml_node& reference : child(root, "spine").children()) {
    const auto item = items.find(std::string(attribute(reference, "idref")));
    if (item == items.end() || !item->second.is_page || attribute(reference, "linear") == "no") continue;
    const std::string& page = item->second.part;
    if (!package.has(page)) continue;
    if (encrypted.contains(page)) return Rejection{"encrypted", "the book is copy-protected"};
    if (auto rejection = append_page(package, page, extracted.text)) return rejection;
  }
  const pugi::xml_node metadata = child(root, "metadata");
  add_string_attribute(extracted, "title", text_within(child(metadata, "title")));
  add_string_attribute(extracted, "author", text_within(child(metadata, "creator")));
  add_string_attribute(extracted, "date", text_within(child(metadata, "date")));
  return std::nullopt;
}

}  // namespace hearth::text
