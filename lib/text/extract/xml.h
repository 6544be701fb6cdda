// SPDX-License-Identifier: Apache-2.0
// XML trees of office documents, by pugixml: names without their prefixes, and a walk that does not recurse, for files
// nest as deep as they like. Nothing is fetched and no entity of a DTD expanded.
#pragma once
#include <string>
#include <string_view>

namespace pugi {
class xml_document;
class xml_node;
}  // namespace pugi

namespace hearth::text {

// Throws Error{data} naming part for what is not XML. White space between elements is kept.
void parse_xml(std::string_view xml, std::string_view part, pugi::xml_document& tree);

std::string_view local_name(const pugi::xml_node& node);                        // "w:p" is "p"
pugi::xml_node child(const pugi::xml_node& node, std::string_view name);        // the first, by local name
std::string_view attribute(const pugi::xml_node& node, std::string_view name);  // by local name; "" for none
std::string_view relation_id(const pugi::xml_node& node);                       // "r:id", never "id"
std::string text_within(const pugi::xml_node& node);                            // all text below it

// Sees the nodes below a root in order.
class XmlVisitor {
 public:
  virtual ~XmlVisitor() = default;
  virtual bool enter(const pugi::xml_node& element) = 0;  // false passes by what is in it; leave does not follow
  virtual void leave(const pugi::xml_node& element) = 0;
  virtual void add_text(std::string_view text, const pugi::xml_node& parent) = 0;
};
void walk(const pugi::xml_node& root, XmlVisitor& visitor);

}  // namespace hearth::text
