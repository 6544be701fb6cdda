// SPDX-License-Identifier: Apache-2.0
// `hearth doctor`; named so that the dispatcher finds it and nobody else's doctor is in its way.
#include "lib/tools/doctor.h"

int main(int argc, char** argv) {
  return hearth::tools::tool_main(argc, argv, hearth::tools::doctor::doctor_command);
}
