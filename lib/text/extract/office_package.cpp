// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/office_package.h"

#include <charconv>
#include <pugixml.hpp>

#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/text/encoding.h"

namespace hearth::text {
namespace {

constexpr std::size_t max_attribute_bytes = 1000;

std::string without_escapes(std::string_view uri) {
  std::string out;
  for (std::size_t i = 0; i < uri.size(); ++i) {
    unsigned value = 0;
    const char* const digits = uri.data() + i + 1;
    if (uri[i] == '%' && uri.size() - i > 2 && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += uri[i];
    }
  }
  return out;
}

}  // namespace

bool OfficePackage::parse(std::string_view part, pugi::xml_document& tree) {
  if (!zip_.has(part)) return false;
  parse_xml(zip_.read(part), part, tree);
  return true;
}

std::map<std::string, Relation, std::less<>> OfficePackage::relations(std::string_view part) {
  const std::size_t slash = part.rfind('/');
  const std::string_view folder = slash == std::string_view::npos ? "" : part.substr(0, slash + 1);
  const std::string_view name = part.substr(folder.size());
  pugi::xml_document tree;
  std::map<std::string, Relation, std::less<>> found;
  if (!parse(std::string(folder) + "_rels/" + std::string(name) + ".rels", tree)) return found;
  for (const pugi::xml_node& each : child(tree, "Relationships").children()) {
    if (local_name(each) != "Relationship" || attribute(each, "TargetMode") == "External") continue;
    const std::string_view type = attribute(each, "Type");
    found.try_emplace(std::string(attribute(each, "Id")), Relation{std::string(type.substr(type.rfind('/') + 1)),
                                                                   resolve_part(part, attribute(each, "Target"))});
  }
  return found;
}

std::string OfficePackage::related(std::string_view part, std::string_view type, std::string_view otherwise) {
  for (const auto& [id, relation] : relations(part)) {
    if (relation.type == type) return relation.target;
  }
  return std::string(otherwise);
}

std::string resolve_part(std::string_view part, std::string_view target) {
  std::vector<std::string> path;
  if (!target.starts_with('/')) {
    path = split(std::string(part), '/');
    path.pop_back();
  }
  for (std::string& step : split(without_escapes(target.substr(0, target.find('#'))), '/')) {
    if (step == ".." && !path.empty()) path.pop_back();
    if (step != ".." && step != "." && !step.empty()) path.push_back(std::move(step));
  }
  return join(path, "/");
}

void add_string_attribute(Extracted& extracted, std::string_view name, std::string_view value) {
  const std::string text(trim(value));
  if (!text.empty() && text.size() <= max_attribute_bytes && is_valid_utf8(text))
    extracted.attributes.emplace_back(name, dump_json(Json(text)));
}

void add_core_properties(OfficePackage& package, Extracted& extracted) {
  pugi::xml_document tree;
  if (!package.parse(package.related("", "core-properties", "docProps/core.xml"), tree)) return;
  const pugi::xml_node properties = child(tree, "coreProperties");
  add_string_attribute(extracted, "title", text_within(child(properties, "title")));
  add_string_attribute(extracted, "author", text_within(child(properties, "creator")));
  add_string_attribute(extracted, "date", text_within(child(properties, "created")));
}

}  // namespace hearth::text
