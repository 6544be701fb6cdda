// SPDX-License-Identifier: Apache-2.0
// SpreadsheetML (ECMA-376 part 1, 18): each sheet under its name as a heading, its rows as "a | b". Formulas show their
// last values. Left out: hidden sheets, charts, comments.
#include <algorithm>
#include <charconv>
#include <map>
#include <pugixml.hpp>
#include <utility>

#include "lib/text/extract/office_blocks.h"
#include "lib/text/extract/office_package.h"
#include "lib/text/extract/xlsx_cells.h"

namespace hearth::text {
namespace {

constexpr std::size_t max_gap = 16;  // empty cells between two that are not; more count as one

int number(std::string_view text) {
  int value = -1;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Of a string item or an inline string: its runs without phonetic hints.
std::string string_of(const pugi::xml_node& item) {
  std::string text;
  for (const pugi::xml_node& part : item.children()) {
    if (local_name(part) == "t") text += text_within(part);
    if (local_name(part) == "r") text += text_within(child(part, "t"));
  }
  return on_one_line(text);
}

struct Workbook {
  std::vector<std::string> strings;
  std::vector<NumberFormat> formats;  // by a cell's style
  bool since_1904 = false;
};

void read_strings(OfficePackage& package, const std::string& part, Workbook& workbook) {
  pugi::xml_document tree;
  if (!package.parse(part, tree)) return;
  for (const pugi::xml_node& item : tree.document_element().children()) {
    if (local_name(item) == "si") workbook.strings.push_back(string_of(item));
  }
}

void read_formats(OfficePackage& package, const std::string& part, Workbook& workbook) {
  pugi::xml_document tree;
  if (!package.parse(part, tree)) return;
  const pugi::xml_node styles = tree.document_element();
  std::map<int, NumberFormat> custom;
  for (const pugi::xml_node& format : child(styles, "numFmts").children())
    custom.try_emplace(number(attribute(format, "numFmtId")), number_format_of(attribute(format, "formatCode")));
  for (const pugi::xml_node& style : child(styles, "cellXfs").children()) {
    const int id = number(attribute(style, "numFmtId"));
    const auto found = custom.find(id);
    workbook.formats.push_back(found != custom.end() ? found->second : builtin_number_format(id));
  }
}

std::string cell_text(const pugi::xml_node& cell, const Workbook& workbook) {
  const std::string_view type = attribute(cell, "t");
  if (type == "inlineStr") return string_of(child(cell, "is"));
  const std::string value = text_within(child(cell, "v"));
  if (type == "s") {
    const auto index = static_cast<std::size_t>(number(value));
    return index < workbook.strings.size() ? workbook.strings[index] : std::string();
  }
  if (type == "b") return value == "1" ? "TRUE" : "FALSE";
  if (type == "str" || type == "e" || type == "d" || value.empty()) return on_one_line(value);
  const auto style = static_cast<std::size_t>(number(attribute(cell, "s")));
  const NumberFormat format = style < workbook.formats.size() ? workbook.formats[style] : NumberFormat::number;
  return show_number(value, format, workbook.since_1904);
}

std::vector<std::string> cells_of(const pugi::xml_node& row, const Workbook& workbook) {
  std::vector<std::string> cells;
  int column = -1, last_column = -1;  // of this cell; of the last that is not empty
  for (const pugi::xml_node& cell : row.children()) {
    if (local_name(cell) != "c") continue;
    const int named = column_of(attribute(cell, "r"));
    column = named >= 0 ? named : column + 1;
    std::string text = cell_text(cell, workbook);
    if (text.empty()) continue;
    const auto gap = static_cast<std::size_t>(std::max(column - last_column - 1, 0));
    cells.resize(cells.size() + (gap > max_gap ? 1 : gap));
    cells.push_back(std::move(text));
    last_column = column;
  }
  return cells;
}

void read_sheet(OfficePackage& package, const std::string& part, std::string_view name, const Workbook& workbook,
                OfficeBlocks& blocks) {
  pugi::xml_document tree;
  if (!package.parse(part, tree)) return;
  bool named = false;
  for (const pugi::xml_node& row : child(tree.document_element(), "sheetData").children()) {
    const std::vector<std::string> cells = cells_of(row, workbook);
    if (!cells.empty() && !std::exchange(named, true)) blocks.add_paragraph(name, {.heading = 2});
    blocks.add_row(cells);
  }
}

}  // namespace

void read_xlsx(OfficePackage& package, Extracted& extracted) {
  const std::string main = package.related("", "officeDocument", "xl/workbook.xml");
  if (main.ends_with(".bin"))
    throw OfficeRefusal("not-text", "a binary workbook (.xlsb); convert it first: save it as .xlsx");
  const auto relations = package.relations(main);
  pugi::xml_document tree;
  parse_xml(package.read(main), main, tree);
  Workbook workbook;
  const std::string_view date1904 = attribute(child(tree.document_element(), "workbookPr"), "date1904");
  workbook.since_1904 = date1904 == "1" || date1904 == "true";
  read_strings(package, package.related(main, "sharedStrings"), workbook);
  read_formats(package, package.related(main, "styles"), workbook);
  OfficeBlocks blocks;
  for (const pugi::xml_node& sheet : child(tree.document_element(), "sheets").children()) {
    if (const std::string_view state = attribute(sheet, "state"); !state.empty() && state != "visible") continue;
    const auto relation = relations.find(relation_id(sheet));
    if (relation != relations.end() && relation->second.type == "worksheet")
      read_sheet(package, relation->second.target, attribute(sheet, "name"), workbook, blocks);
  }
  extracted.text = blocks.finish();
  add_core_properties(package, extracted);
}

}  // namespace hearth::text
