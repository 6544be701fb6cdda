// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard.h"

int main(int argc, char** argv) { return hearth::tools::tool_main(argc, argv, hearth::tools::shard::shard_command); }
