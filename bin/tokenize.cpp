// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/tokenize.h"
#include "lib/tools/tool.h"

int main(int argc, char** argv) {
  return hearth::tools::tool_main(argc, argv, hearth::tools::tokenize_command);
}
