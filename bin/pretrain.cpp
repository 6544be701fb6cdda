// SPDX-License-Identifier: Apache-2.0
// The main of `hearth pretrain`: the option table and the work are in lib/tools.
#include "lib/tools/pretrain.h"

int main(int argc, char** argv) {
  return hearth::tools::tool_main(argc, argv, hearth::tools::pretrain_command);
}
