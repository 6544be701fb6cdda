// SPDX-License-Identifier: Apache-2.0
#include "lib/base/launcher.h"

#include <map>

#include "lib/base/error.h"
#include "tests/support/catch.h"

namespace hearth {
namespace {

std::optional<Launch> launch_in(const std::map<std::string, std::string>& environment) {
  return find_launch([&](const char* name) -> const char* {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  });
}

}  // namespace

TEST_CASE("a plain process is alone, also within a batch script") {
  CHECK_FALSE(launch_in({}));
  CHECK_FALSE(launch_in({{"SLURM_NTASKS", "8"}, {"SLURM_PROCID", "0"}, {"SLURM_JOB_ID", "7"}}));
  // A step without PMI: srun of a script whose tools run alone.
  CHECK_FALSE(launch_in({{"SLURM_NTASKS", "8"}, {"SLURM_PROCID", "3"}, {"SLURM_STEP_ID", "0"}}));
}

TEST_CASE("mpirun's rank counts before Slurm's") {
  const auto launch = launch_in({{"OMPI_COMM_WORLD_RANK", "3"},
                                 {"OMPI_COMM_WORLD_SIZE", "4"},
                                 {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                                 {"SLURM_PROCID", "0"},
                                 {"SLURM_NTASKS", "4"},
                                 {"SLURM_STEP_ID", "1"}});
  REQUIRE(launch);
  CHECK(launch->rank == 3);
  CHECK(launch->size == 4);
  CHECK(launch->local_rank == 1);
  CHECK(launch->launcher == "mpirun");
}

TEST_CASE("a step of srun") {
  const auto launch = launch_in({{"SLURM_STEP_ID", "0"},
                                 {"PMIX_RANK", "5"},
                                 {"SLURM_PROCID", "5"},
                                 {"SLURM_NTASKS", "8"},
                                 {"SLURM_LOCALID", "1"}});
  REQUIRE(launch);
  CHECK(launch->rank == 5);
  CHECK(launch->size == 8);
  CHECK(launch->local_rank == 1);
}

TEST_CASE("MPICH's ranks, by its own launcher and by srun --mpi=pmi2") {
  std::map<std::string, std::string> environment{{"PMI_RANK", "5"}, {"PMI_SIZE", "8"}, {"MPI_LOCALRANKID", "1"}};
  auto launch = launch_in(environment);
  REQUIRE(launch);
  CHECK(launch->rank == 5);
  CHECK(launch->size == 8);
  CHECK(launch->local_rank == 1);
  CHECK(launch->launcher == "mpiexec");
  // Within a step of Slurm that holds the launcher, whose numbers are those of one process.
  environment.insert({{"SLURM_STEP_ID", "0"}, {"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "1"}, {"SLURM_LOCALID", "0"}});
  launch = launch_in(environment);
  REQUIRE(launch);
  CHECK(launch->rank == 5);
  CHECK(launch->launcher == "mpiexec");
  for (const char* name : {"MPI_LOCALRANKID", "SLURM_STEP_ID", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"})
    environment.erase(name);
  CHECK_THROWS_AS(launch_in(environment), Error);
  environment.insert({{"SLURM_STEP_ID", "0"}, {"SLURM_PROCID", "5"}, {"SLURM_NTASKS", "8"}, {"SLURM_LOCALID", "2"}});
  launch = launch_in(environment);
  REQUIRE(launch);
  CHECK(launch->rank == 5);
  CHECK(launch->local_rank == 2);
  CHECK(launch->launcher == "srun");
  CHECK_FALSE(launch_in({{"PMI_RANK", "0"},
                         {"PMI_SIZE", "1"},
                         {"SLURM_STEP_ID", "0"},
                         {"SLURM_PROCID", "0"},
                         {"SLURM_NTASKS", "1"},
                         {"SLURM_LOCALID", "0"}}));
}

TEST_CASE("a rank that cannot be is named") {
  CHECK_THROWS_WITH(launch_in({{"OMPI_COMM_WORLD_RANK", "4"}, {"OMPI_COMM_WORLD_SIZE", "4"}}),
                    "OMPI_COMM_WORLD_RANK=4: expected a number from 0 to 3");
  CHECK_THROWS_WITH(launch_in({{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "x"}}),
                    "OMPI_COMM_WORLD_SIZE=x: expected a number from 1 to 16777216");
  CHECK_THROWS_AS(launch_in({{"OMPI_COMM_WORLD_RANK", "0"}}), Error);
}

}  // namespace hearth
