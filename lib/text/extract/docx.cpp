// SPDX-License-Identifier: Apache-2.0
// WordprocessingML (ECMA-376 part 1, 17). Left out: deleted and hidden text, tables of contents, headers and footers,
// comments, and the fallbacks that repeat drawings for older readers.
#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <pugixml.hpp>

#include "lib/text/extract/office_blocks.h"
#include "lib/text/extract/office_package.h"

namespace hearth::text {
namespace {

constexpr int max_style_chain = 16;

int number(std::string_view text, int otherwise) {
  int value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

// What a style or a paragraph says of itself; -1 for nothing.
struct Form {
  int outline = -1;  // 0 to 8; 9 is body text
  int list = -1;     // depth from 0
  bool no_list = false, contents = false;
  std::string based_on;
};

void read_properties(const pugi::xml_node& properties, Form& form) {
  if (const auto outline = child(properties, "outlineLvl")) form.outline = number(attribute(outline, "val"), -1);
  if (const auto list = child(properties, "numPr")) {
    form.list = number(attribute(child(list, "ilvl"), "val"), 0);
    form.no_list = attribute(child(list, "numId"), "val") == "0";
  }
}

class Styles {
 public:
  void read(const pugi::xml_node& styles) {
    for (const pugi::xml_node& style : styles.children()) {
      if (local_name(style) != "style" || attribute(style, "type") != "paragraph") continue;
      Form form;
      read_properties(child(style, "pPr"), form);
      const std::string name = lower_case(attribute(child(style, "name"), "val"));
      if (name.starts_with("heading ")) form.outline = number(std::string_view(name).substr(8), 1) - 1;
      if (name == "title") form.outline = 0;
      form.contents = name.starts_with("toc ") && name != "toc heading";
      form.based_on = attribute(child(style, "basedOn"), "val");
      forms_.try_emplace(std::string(attribute(style, "styleId")), std::move(form));
    }
  }

  // The form of a paragraph with its style's, and what that is based on.
  Form of(const pugi::xml_node& properties) const {
    Form form;
    read_properties(properties, form);
    std::string name(attribute(child(properties, "pStyle"), "val"));
    for (int i = 0; i < max_style_chain; ++i) {
      const auto found = forms_.find(name);
      if (found == forms_.end()) break;
      const Form& style = found->second;
      if (form.outline < 0) form.outline = style.outline;
      if (form.list < 0) form.list = style.list, form.no_list = style.no_list;
      form.contents = form.contents || style.contents;
      name = style.based_on;
    }
    return form;
  }

 private:
  std::map<std::string, Form> forms_;
};

using Notes = std::map<std::string, std::string, std::less<>>;  // by id

class DocxVisitor : public XmlVisitor {
 public:
  DocxVisitor(const Styles& styles, const Notes& footnotes, const Notes& endnotes)
      : styles_(styles), footnotes_(footnotes), endnotes_(endnotes) {}

  bool enter(const pugi::xml_node& element) override;
  void leave(const pugi::xml_node& element) override;
  void add_text(std::string_view text, const pugi::xml_node& parent) override {
    if (local_name(parent) == "t") blocks_.add(text);
  }
  std::string finish() { return blocks_.finish(); }

 private:
  bool enter_paragraph(const pugi::xml_node& paragraph);
  void add_note(const Notes& notes, const pugi::xml_node& reference);
  bool add_character(std::string_view name);

  const Styles& styles_;
  const Notes& footnotes_;
  const Notes& endnotes_;
  std::map<const void*, std::string> marks_;  // of notes that were met
  OfficeBlocks blocks_;
  std::vector<ParagraphForm> forms_;  // of the open paragraphs
};

bool is_left_out(std::string_view name) {
  constexpr std::array<std::string_view, 11> names = {"del",     "moveFrom", "pPr",  "rPr",   "sectPr",  "tblPr",
                                                      "tblGrid", "tcPr",     "trPr", "sdtPr", "Fallback"};
  return std::find(names.begin(), names.end(), name) != names.end() || name == "rt" || name == "instrText";
}

bool is_hidden(const pugi::xml_node& run) {
  const pugi::xml_node vanish = child(child(run, "rPr"), "vanish");
  const std::string_view value = attribute(vanish, "val");
  return vanish && value != "0" && value != "false";
}

// Elements that stand for a character.
bool DocxVisitor::add_character(std::string_view name) {
  if (name == "tab" || name == "ptab") return blocks_.add("\t"), true;
  if (name == "br" || name == "cr") return blocks_.add("\n"), true;
  if (name == "noBreakHyphen") return blocks_.add("-"), true;
  return false;
}

bool DocxVisitor::enter(const pugi::xml_node& element) {
  const std::string_view name = local_name(element);
  if (is_left_out(name) || (name == "r" && is_hidden(element))) return false;
  if (name == "p") return enter_paragraph(element);
  if (name == "tbl") blocks_.open_table();
  if (name == "tr") blocks_.open_row();
  if (name == "tc") blocks_.open_cell();
  if (name == "footnoteReference") add_note(footnotes_, element);
  if (name == "endnoteReference") add_note(endnotes_, element);
  return !add_character(name);
}

bool DocxVisitor::enter_paragraph(const pugi::xml_node& paragraph) {
  const Form form = styles_.of(child(paragraph, "pPr"));
  if (form.contents) return false;
  const bool heading = form.outline >= 0 && form.outline < 9;
  forms_.push_back({.heading = heading ? form.outline + 1 : 0,
                    .item = form.list >= 0 && !form.no_list ? std::min(form.list, 8) + 1 : 0});
  blocks_.open_paragraph();
  return true;
}

void DocxVisitor::leave(const pugi::xml_node& element) {
  const std::string_view name = local_name(element);
  if (name == "p") {
    blocks_.close_paragraph(forms_.back());
    forms_.pop_back();
  }
  if (name == "tr") blocks_.close_row();
  if (name == "tbl") blocks_.close_table();
}

void DocxVisitor::add_note(const Notes& notes, const pugi::xml_node& reference) {
  const auto note = notes.find(attribute(reference, "id"));
  if (note == notes.end() || note->second.empty()) return;
  const auto [mark, is_new] = marks_.try_emplace(&note->second, blocks_.next_mark());
  if (is_new) blocks_.add_note(note->second);
  blocks_.add(mark->second);
}

Notes read_notes(OfficePackage& package, const std::string& part, const Styles& styles) {
  Notes notes;
  pugi::xml_document tree;
  if (!package.parse(part, tree)) return notes;
  for (const pugi::xml_node& note : tree.document_element().children()) {
    if (!attribute(note, "type").empty()) continue;  // separators
    DocxVisitor visitor(styles, {}, {});
    walk(note, visitor);
    notes.try_emplace(std::string(attribute(note, "id")), on_one_line(visitor.finish()));
  }
  return notes;
}

}  // namespace

void read_docx(OfficePackage& package, Extracted& extracted) {
  const std::string main = package.related("", "officeDocument", "word/document.xml");
  Styles styles;
  pugi::xml_document tree;
  if (package.parse(package.related(main, "styles"), tree)) styles.read(tree.document_element());
  const Notes footnotes = read_notes(package, package.related(main, "footnotes"), styles);
  const Notes endnotes = read_notes(package, package.related(main, "endnotes"), styles);
  parse_xml(package.read(main), main, tree);
  DocxVisitor visitor(styles, footnotes, endnotes);
  walk(tree.document_element(), visitor);
  extracted.text = visitor.finish();
  add_core_properties(package, extracted);
}

}  // namespace hearth::text
