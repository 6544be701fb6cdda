// SPDX-License-Identifier: Apache-2.0
#include "lib/base/terminal.h"

#include <unistd.h>

#include <cstdlib>

namespace hearth {

bool takes_colour(int file_descriptor) {
  const char* const no_colour = std::getenv("NO_COLOR");
  return isatty(file_descriptor) != 0 && (no_colour == nullptr || *no_colour == '\0');
}

}  // namespace hearth
