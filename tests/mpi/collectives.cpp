// SPDX-License-Identifier: Apache-2.0
// A rank of tests/mpi/test_collectives.sh: the collectives' cases over real MPI. Prints one line on rank 0.
#include <cstdio>
#include <string_view>

#include "lib/base/launcher.h"
#include "lib/comm/world.h"
#include "tests/lib/comm/collective_cases.h"

int main(int argc, char** argv) {
  using namespace hearth;
  try {
    const bool own_thread = argc > 1 && std::string_view(argv[1]) == "thread";
    comm::World world(find_launch());
    if (own_thread) world.overlap();
    {
      const auto all = world.communicator();
      comm::check_collectives(*all);
    }
    if (world.rank() == 0) std::printf("%d ranks agree over %s\n", world.size(), world.transport_name().c_str());
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.exit_code();
  }
}
