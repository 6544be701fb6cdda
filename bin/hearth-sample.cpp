// SPDX-License-Identifier: Apache-2.0
// `hearth sample`; named so that the dispatcher finds it and nobody else's sample is in its way.
#include "lib/tools/sample.h"

int main(int argc, char** argv) {
  return hearth::tools::tool_main(argc, argv, hearth::tools::sample::sample_command);
}
