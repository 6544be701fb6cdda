// SPDX-License-Identifier: Apache-2.0
// Our collectives beside MPI's own of the same size and type, in turns, within one run:
//   mpirun -np 2 build/cpu/bin/bench_collectives
// One JSON object a line: the median seconds of both and the ratio (above 1: ours is faster). MPI's reductions add in
// an order of the library's choosing, ours in rank order; its bf16 has no peer.
#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/launcher.h"
#include "lib/comm/world.h"

namespace {

using namespace hearth;

// The longest of all ranks, as a step waits for the slowest.
double median_seconds(const std::function<void()>& body, int repeats) {
  std::vector<double> seconds;
  for (int i = 0; i < repeats; ++i) {
    MPI_Barrier(MPI_COMM_WORLD);
    const Stopwatch watch;
    body();
    double own = watch.seconds(), longest = 0;
    MPI_Allreduce(&own, &longest, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    seconds.push_back(longest);
  }
  std::ranges::nth_element(seconds, seconds.begin() + repeats / 2);
  return seconds[static_cast<std::size_t>(repeats / 2)];
}

struct Case {
  const char* name;
  std::function<void()> ours, peer;
};

void measure(comm::World& world) {
  ThreadPool pool(1);
  Stream stream(pool);
  const auto all = world.communicator();
  const int ranks = world.size();
  for (std::size_t bytes = 4 << 10; bytes <= 64 << 20; bytes *= 4) {
    const std::int64_t n = static_cast<std::int64_t>(bytes / sizeof(float)) / ranks * ranks, each = n / ranks;
    std::vector<float> whole(static_cast<std::size_t>(n), 0.f), other(whole),
        piece(static_cast<std::size_t>(each), 0.f);
    const Tensor t(whole.data(), {n}), o(other.data(), {n}), p(piece.data(), {each});
    const std::vector<std::int64_t> rows(static_cast<std::size_t>(ranks), each);
    const int count = static_cast<int>(n), part = static_cast<int>(each);
    const std::vector<Case> cases{
        {"all_reduce", [&] { all->all_reduce(stream, t).wait(stream); },
         [&] { MPI_Allreduce(MPI_IN_PLACE, whole.data(), count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD); }},
        {"reduce_scatter", [&] { all->reduce_scatter(stream, t, p).wait(stream); },
         [&] { MPI_Reduce_scatter_block(whole.data(), piece.data(), part, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD); }},
        {"all_gather", [&] { all->all_gather(stream, p, t).wait(stream); },
         [&] { MPI_Allgather(piece.data(), part, MPI_FLOAT, whole.data(), part, MPI_FLOAT, MPI_COMM_WORLD); }},
        {"all_to_all", [&] { all->all_to_all(stream, t, rows, o, rows).wait(stream); },
         [&] { MPI_Alltoall(whole.data(), part, MPI_FLOAT, other.data(), part, MPI_FLOAT, MPI_COMM_WORLD); }},
        {"broadcast", [&] { all->broadcast(stream, t, 0).wait(stream); },
         [&] { MPI_Bcast(whole.data(), count, MPI_FLOAT, 0, MPI_COMM_WORLD); }},
    };
    const int repeats = bytes >= 16 << 20 ? 15 : 101;
    for (const Case& c : cases) {
      // In turns, twice: what the machine does meanwhile hits both.
      median_seconds(c.ours, 3), median_seconds(c.peer, 3);
      const double ours = std::min(median_seconds(c.ours, repeats), median_seconds(c.ours, repeats));
      const double peer = std::min(median_seconds(c.peer, repeats), median_seconds(c.peer, repeats));
      if (world.rank() != 0) continue;
      std::printf(
          "{\"collective\": \"%s\", \"ranks\": %d, \"bytes\": %zu, \"seconds\": %.3g, \"mpi_seconds\": %.3g, "
          "\"ratio\": %.2f}\n",
          c.name, ranks, bytes, ours, peer, peer / ours);
    }
  }
}

}  // namespace

int main() {
  try {
    comm::World world(find_launch());
    if (world.size() < 2) {
      std::fprintf(stderr, "bench_collectives: start it by mpirun, as two ranks or more\n");
      return 64;
    }
    measure(world);
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.exit_code();
  }
}
