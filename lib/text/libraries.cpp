// SPDX-License-Identifier: Apache-2.0
#include "lib/text/libraries.h"

#include <utf8proc.h>

namespace hearth::text {

std::vector<Library> libraries() {
  return {{"utf8proc", std::string(utf8proc_version()) + " (Unicode " + utf8proc_unicode_version() + ")"}};
}

}  // namespace hearth::text
