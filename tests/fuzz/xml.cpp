// SPDX-License-Identifier: Apache-2.0
#include <pugixml.hpp>

#include "lib/text/extract/xml.h"

#include "tests/fuzz/fuzz.h"

FUZZ_TARGET(xml) {
  pugi::xml_document tree;
  hearth::text::parse_xml(std::string(bytes), "part.xml", tree);
  hearth::text::text_within(tree.document_element());
}
