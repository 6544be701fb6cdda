// SPDX-License-Identifier: Apache-2.0
// OpenDocument text, presentations and spreadsheets (ISO/IEC 26300): the elements are the same in all three. Left out:
// tracked deletions, comments, tables of contents.
#include <algorithm>
#include <array>
#include <charconv>
#include <pugixml.hpp>
#include <set>
#include <utility>

#include "lib/base/text.h"
#include "lib/text/extract/office_blocks.h"
#include "lib/text/extract/office_package.h"

namespace hearth::text {
namespace {

constexpr int max_repeat = 16;  // of a cell: files fill whole rows by one element

int number(std::string_view text, int otherwise) {
  int value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Names of styles that derive from "Title".
class Titles {
 public:
  void read(const pugi::xml_node& styles) {
    for (const pugi::xml_node& style : styles.children()) {
      if (attribute(style, "parent-style-name") == "Title") names_.emplace(attribute(style, "name"));
    }
  }
  bool has(std::string_view name) const { return name == "Title" || names_.contains(name); }

 private:
  std::set<std::string, std::less<>> names_;
};

class OdfVisitor : public XmlVisitor {
 public:
  explicit OdfVisitor(const Titles& titles) : titles_(titles) {}

  bool enter(const pugi::xml_node& element) override;
  void leave(const pugi::xml_node& element) override;
  void add_text(std::string_view text, const pugi::xml_node&) override;
  std::string finish() { return blocks_.finish(); }

 private:
  void open_paragraph(const pugi::xml_node& element);
  void open_cell(const pugi::xml_node& element);
  void open_table(const pugi::xml_node& element);
  bool open_frame(const pugi::xml_node& element);

  const Titles& titles_;
  OfficeBlocks blocks_;
  std::vector<ParagraphForm> forms_;  // of the open paragraphs
  int list_depth_ = 0, sheets_ = 0, n_tables_ = 0;
  bool in_title_ = false;  // of a slide
  bool in_notes_ = false;  // of one
  bool after_space_ = true;
};

bool is_left_out(std::string_view name) {
  constexpr std::array<std::string_view, 8> names = {"tracked-changes", "annotation", "table-of-content",
                                                     "note-citation",   "ruby-text",  "svg:title",
                                                     "svg:desc",        "forms"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

// White space in a paragraph counts as one space, and none at its beginning (OpenDocument 1.3 part 3, 6.1.2).
void OdfVisitor::add_text(std::string_view text, const pugi::xml_node&) {
  if (forms_.empty()) return;
  std::string kept;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!space) kept += c;
    if (space && !after_space_) kept += ' ';
    after_space_ = space;
  }
  blocks_.add(kept);
}

void OdfVisitor::open_paragraph(const pugi::xml_node& element) {
  ParagraphForm form;
  if (local_name(element) == "h") form.heading = std::clamp(number(attribute(element, "outline-level"), 1), 1, 6);
  if (in_title_) form.heading = 2;
  if (form.heading == 0 && titles_.has(attribute(element, "style-name"))) form.heading = 1;
  form.item = list_depth_;
  forms_.push_back(form);
  blocks_.open_paragraph();
  after_space_ = true;
}

// Cells that repeat stand for themselves as often, within reason; empty ones keep their place.
void OdfVisitor::open_cell(const pugi::xml_node& element) {
  const int repeat = std::clamp(number(attribute(element, "number-columns-repeated"), 1), 1, max_repeat);
  const bool empty = !element.first_child();
  for (int i = 1; empty && i < repeat; ++i) blocks_.open_cell();
  blocks_.open_cell();
}

void OdfVisitor::open_table(const pugi::xml_node& element) {
  if (sheets_ > 0 && n_tables_ == 0) blocks_.add_paragraph(attribute(element, "name"), {.heading = 2});
  ++n_tables_;
  blocks_.open_table();
}

// On slides: titles, what the layout repeats on each of them, and notes, which most slides have, empty.
bool OdfVisitor::open_frame(const pugi::xml_node& element) {
  const std::string_view use = attribute(element, "class");
  if (use == "header" || use == "footer" || use == "date-time" || use == "page-number") return false;
  if (use == "title") in_title_ = true;
  if (use == "notes" && !std::exchange(in_notes_, true) && !trim(text_within(element)).empty())
    blocks_.add_paragraph("Notes:", {});
  return true;
}

bool OdfVisitor::enter(const pugi::xml_node& element) {
  const std::string_view name = local_name(element);
  if (is_left_out(name) || is_left_out(element.name())) return false;
  if (name == "p" || name == "h") open_paragraph(element);
  if (name == "spreadsheet") ++sheets_;
  if (name == "table") open_table(element);
  if (name == "table-row") blocks_.open_row();
  if (name == "table-cell" || name == "covered-table-cell") open_cell(element);
  if (name == "list") ++list_depth_;
  if (name == "note") blocks_.open_note();
  if (name == "frame") return open_frame(element);
  if (name == "s" || name == "tab") blocks_.add(name == "s" ? " " : "\t"), after_space_ = false;
  if (name == "line-break") blocks_.add("\n"), after_space_ = true;
  return true;
}

void OdfVisitor::leave(const pugi::xml_node& element) {
  const std::string_view name = local_name(element);
  if (name == "p" || name == "h") {
    blocks_.close_paragraph(forms_.back());
    forms_.pop_back();
    after_space_ = false;
  }
  if (name == "spreadsheet") --sheets_;
  if (name == "table") --n_tables_, blocks_.close_table();
  if (name == "table-row") blocks_.close_row();
  if (name == "list") --list_depth_;
  if (name == "note") blocks_.close_note();
  if (name == "frame") in_title_ = false;
  if (name == "notes") in_notes_ = false;
}

void check_encryption(OfficePackage& package) {
  pugi::xml_document tree;
  if (!package.parse("META-INF/manifest.xml", tree)) return;
  for (const pugi::xml_node& entry : tree.document_element().children()) {
    if (child(entry, "encryption-data")) throw OfficeRefusal("encrypted", "the document asks for a password");
  }
}

void add_meta(OfficePackage& package, Extracted& extracted) {
  pugi::xml_document tree;
  if (!package.parse("meta.xml", tree)) return;
  const pugi::xml_node meta = child(tree.document_element(), "meta");
  const pugi::xml_node author = child(meta, "initial-creator"), date = child(meta, "creation-date");
  add_string_attribute(extracted, "title", text_within(child(meta, "title")));
  add_string_attribute(extracted, "author", text_within(author ? author : child(meta, "creator")));
  add_string_attribute(extracted, "date", text_within(date ? date : child(meta, "date")));
}

}  // namespace

void read_odf(OfficePackage& package, Extracted& extracted) {
  check_encryption(package);
  pugi::xml_document tree;
  parse_xml(package.read("content.xml"), "content.xml", tree);
  Titles titles;
  titles.read(child(tree.document_element(), "automatic-styles"));
  OdfVisitor visitor(titles);
  if (const pugi::xml_node body = child(tree.document_element(), "body")) walk(body, visitor);
  extracted.text = visitor.finish();
  add_meta(package, extracted);
}

}  // namespace hearth::text
