// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "lib/base/libraries.h"

namespace hearth::text {

std::vector<Library> libraries();  // utf8proc (Gumbo, the HTML parser, does not tell its version)

}  // namespace hearth::text
