// SPDX-License-Identifier: Apache-2.0
// PresentationML (ECMA-376 part 1, 19): slides in their order, a slide's title as a heading, its shapes in the order of
// the file, then the speaker's notes. Left out: dates, footers and slide numbers.
#include <algorithm>
#include <array>
#include <charconv>
#include <pugixml.hpp>

#include "lib/text/extract/office_blocks.h"
#include "lib/text/extract/office_package.h"

namespace hearth::text {
namespace {

enum class Part { slide, notes };

class SlideVisitor : public XmlVisitor {
 public:
  SlideVisitor(Part part, OfficeBlocks& blocks) : part_(part), blocks_(blocks) {}

  bool enter(const pugi::xml_node& element) override;
  void leave(const pugi::xml_node& element) override;
  void add_text(std::string_view text, const pugi::xml_node& parent) override {
    if (local_name(parent) == "t") blocks_.add(text);
  }

 private:
  bool enter_shape(const pugi::xml_node& shape);
  void open_paragraph(const pugi::xml_node& paragraph);

  Part part_;
  OfficeBlocks& blocks_;
  enum class Shape { box, title, body } shape_ = Shape::box;
  std::vector<ParagraphForm> forms_;  // of the open paragraphs
};

bool is_furniture(std::string_view placeholder) {
  constexpr std::array<std::string_view, 5> types = {"dt", "ftr", "hdr", "sldNum", "sldImg"};
  return std::find(types.begin(), types.end(), placeholder) != types.end();
}

// Shapes that fill a place of the layout say which: a title, the body (also said by no type), or furniture.
bool SlideVisitor::enter_shape(const pugi::xml_node& shape) {
  const pugi::xml_node placeholder = child(child(child(shape, "nvSpPr"), "nvPr"), "ph");
  const std::string_view type = attribute(placeholder, "type");
  if (is_furniture(type)) return false;
  const bool is_title = type == "title" || type == "ctrTitle";
  if (part_ == Part::notes) return placeholder && type == "body";
  shape_ = !placeholder || type == "subTitle" ? Shape::box : is_title ? Shape::title : Shape::body;
  return true;
}

void SlideVisitor::open_paragraph(const pugi::xml_node& paragraph) {
  const pugi::xml_node properties = child(paragraph, "pPr");
  int level = 0;
  const std::string_view said = attribute(properties, "lvl");
  std::from_chars(said.data(), said.data() + said.size(), level);
  const bool bullet = child(properties, "buChar") || child(properties, "buAutoNum");
  const bool item = part_ == Part::slide && !child(properties, "buNone") && (shape_ == Shape::body || bullet);
  const bool title = part_ == Part::slide && shape_ == Shape::title;
  forms_.push_back({.heading = title ? 2 : 0, .item = item ? std::clamp(level, 0, 8) + 1 : 0});
  blocks_.open_paragraph();
}

bool SlideVisitor::enter(const pugi::xml_node& element) {
  const std::string_view name = local_name(element);
  if (name == "Fallback") return false;
  if (name == "sp") return enter_shape(element);
  if (name == "fld") return attribute(element, "type") != "slidenum";
  if (name == "graphicFrame") shape_ = Shape::box;
  if (name == "p") open_paragraph(element);
  if (name == "br") blocks_.add("\n");
  if (name == "tbl") blocks_.open_table();
  if (name == "tr") blocks_.open_row();
  if (name == "tc") blocks_.open_cell();
  return true;
}

void SlideVisitor::leave(const pugi::xml_node& element) {
  const std::string_view name = local_name(element);
  if (name == "p") {
    blocks_.close_paragraph(forms_.back());
    forms_.pop_back();
  }
  if (name == "tr") blocks_.close_row();
  if (name == "tbl") blocks_.close_table();
}

void read_notes(OfficePackage& package, const std::string& slide, OfficeBlocks& blocks) {
  pugi::xml_document tree;
  if (!package.parse(package.related(slide, "notesSlide"), tree)) return;
  OfficeBlocks notes;
  SlideVisitor visitor(Part::notes, notes);
  walk(tree.document_element(), visitor);
  const std::string text = notes.finish();
  if (!text.empty()) blocks.add_paragraph("Notes: " + text, {});
}

}  // namespace

void read_pptx(OfficePackage& package, Extracted& extracted) {
  const std::string main = package.related("", "officeDocument", "ppt/presentation.xml");
  const auto relations = package.relations(main);
  pugi::xml_document presentation;
  parse_xml(package.read(main), main, presentation);
  OfficeBlocks blocks;
  for (const pugi::xml_node& slide : child(presentation.document_element(), "sldIdLst").children()) {
    const auto relation = relations.find(relation_id(slide));
    pugi::xml_document tree;
    if (relation == relations.end() || !package.parse(relation->second.target, tree)) continue;
    SlideVisitor visitor(Part::slide, blocks);
    walk(tree.document_element(), visitor);
    read_notes(package, relation->second.target, blocks);
  }
  extracted.text = blocks.finish();
  add_core_properties(package, extracted);
}

}  // namespace hearth::text
