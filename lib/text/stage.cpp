// SPDX-License-Identifier: Apache-2.0
#include "lib/text/stage.h"

namespace hearth::text {

void add_attribute(formats::Document& document, std::string_view key, std::string_view value_json) {
  std::string& attributes = document.attributes;  // an object: "{}" or "{...}"
  attributes.pop_back();
  if (attributes.size() > 1) attributes += ',';
  attributes.append(1, '"').append(key).append("\":").append(value_json).append(1, '}');
}

}  // namespace hearth::text
