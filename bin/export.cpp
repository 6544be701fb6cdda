// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/export.h"

int main(int argc, char** argv) {
  return hearth::tools::tool_main(argc, argv, hearth::tools::exporting::export_command);
}
