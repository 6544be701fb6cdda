// SPDX-License-Identifier: Apache-2.0
#include "lib/base/launcher.h"

#include <limits.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "lib/base/error.h"

namespace hearth {
namespace {

using Environment = std::function<const char*(const char*)>;

int number(const Environment& get, const char* name, int least, int most) {
  const char* text = get(name);
  if (text == nullptr) throw Error(Kind::config, std::string(name) + " is not set, though the launcher's others are");
  const std::string_view digits(text);
  int value = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (failure != std::errc{} || end != digits.data() + digits.size() || value < least || value > most) {
    throw Error(Kind::config, std::string(name) + "=" + text + ": expected a number from " + std::to_string(least) +
                                  " to " + std::to_string(most));
  }
  return value;
}

constexpr int most_ranks = 1 << 24;

std::string node_name(const Environment& get) {
  if (const char* name = get("SLURMD_NODENAME")) return name;
  char host[HOST_NAME_MAX + 1] = {};
  ::gethostname(host, HOST_NAME_MAX);
  return host;
}

}  // namespace

std::optional<Launch> find_launch(const Environment& get) {
  if (get("OMPI_COMM_WORLD_RANK") != nullptr) {
    Launch launch{.launcher = "mpirun", .node = node_name(get)};
    launch.size = number(get, "OMPI_COMM_WORLD_SIZE", 1, most_ranks);
    launch.rank = number(get, "OMPI_COMM_WORLD_RANK", 0, launch.size - 1);
    launch.local_rank = number(get, "OMPI_COMM_WORLD_LOCAL_RANK", 0, launch.size - 1);
    return launch;
  }
  const bool in_step = get("SLURM_STEP_ID") != nullptr, pmix = get("PMIX_RANK") != nullptr,
             pmi = get("PMI_RANK") != nullptr, hydra = pmi && get("MPI_LOCALRANKID") != nullptr;
  if (in_step && !hydra && (pmix || pmi)) {
    Launch launch{.launcher = "srun", .node = node_name(get)};
    launch.size = number(get, "SLURM_NTASKS", 1, most_ranks);
    launch.rank = number(get, "SLURM_PROCID", 0, launch.size - 1);
    launch.local_rank = number(get, "SLURM_LOCALID", 0, launch.size - 1);
    if (!pmix && launch.size == 1) return std::nullopt;  // a site's default, which the MPI here need not speak
    return launch;
  }
  if (pmi) {
    Launch launch{.launcher = "mpiexec", .node = node_name(get)};
    launch.size = number(get, "PMI_SIZE", 1, most_ranks);
    launch.rank = number(get, "PMI_RANK", 0, launch.size - 1);
    launch.local_rank = number(get, "MPI_LOCALRANKID", 0, launch.size - 1);
    return launch;
  }
  return std::nullopt;
}

std::optional<Launch> find_launch() {
  return find_launch([](const char* name) -> const char* { return std::getenv(name); });
}

}  // namespace hearth
