// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/xml.h"

#include <pugixml.hpp>
#include <utility>

#include "lib/base/error.h"

namespace hearth::text {
namespace {

std::string_view without_prefix(std::string_view name) {
  return name.substr(name.find(':') + 1);  // npos + 1 is 0
}

class TextCollector : public XmlVisitor {
 public:
  bool enter(const pugi::xml_node&) override { return true; }
  void leave(const pugi::xml_node&) override {}
  void add_text(std::string_view text, const pugi::xml_node&) override { text_ += text; }
  std::string finish() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace

void parse_xml(std::string_view xml, std::string_view part, pugi::xml_document& tree) {
  const auto result = tree.load_buffer(xml.data(), xml.size(), pugi::parse_default | pugi::parse_ws_pcdata);
  if (!result) {
    throw Error(Kind::data,
                std::string(part) + ": not XML: " + result.description() + " at byte " + std::to_string(result.offset));
  }
}

std::string_view local_name(const pugi::xml_node& node) {
  return without_prefix(node.name());
}

pugi::xml_node child(const pugi::xml_node& node, std::string_view name) {
  for (const pugi::xml_node& each : node.children()) {
    if (local_name(each) == name) return each;
  }
  return {};
}

std::string_view attribute(const pugi::xml_node& node, std::string_view name) {
  for (const pugi::xml_attribute& each : node.attributes()) {
    if (without_prefix(each.name()) == name) return each.value();
  }
  return {};
}

std::string_view relation_id(const pugi::xml_node& node) {
  for (const pugi::xml_attribute& each : node.attributes()) {
    if (std::string_view(each.name()).ends_with(":id")) return each.value();
  }
  return {};
}

std::string text_within(const pugi::xml_node& node) {
  TextCollector collector;
  if (node) walk(node, collector);
  return collector.finish();
}

void walk(const pugi::xml_node& root, XmlVisitor& visitor) {
  pugi::xml_node at = root;
  while (true) {
    if (at.type() == pugi::node_pcdata || at.type() == pugi::node_cdata) {
      visitor.add_text(at.value(), at.parent());
    } else if (at.type() == pugi::node_element && visitor.enter(at)) {
      if (at.first_child()) {
        at = at.first_child();
        continue;
      }
      visitor.leave(at);
    }
    while (at != root && !at.next_sibling()) {
      at = at.parent();
      visitor.leave(at);
    }
    if (at == root) return;
    at = at.next_sibling();
  }
}

}  // namespace hearth::text
