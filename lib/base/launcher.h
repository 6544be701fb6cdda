// SPDX-License-Identifier: Apache-2.0
// Whether this process was started as one of many: by mpirun, or by srun inside a job step. A tool called plainly, also
// within a batch script, is alone and never waits for peers.
#pragma once
#include <functional>
#include <optional>
#include <string>

namespace hearth {

struct Launch {
  int rank = 0, size = 1;
  int local_rank = 0;    // among the processes on this node: the number of its GPU
  std::string launcher;  // "mpirun", "srun", "mpiexec"
  std::string node;      // by the scheduler's name (SLURMD_NODENAME), else the host's
};

// None when there is no launcher. OMPI_COMM_WORLD_* come first (under mpirun inside a batch script SLURM_PROCID is not
// the rank), and so do PMI_* of MPICH's and Intel's mpiexec (Hydra, which sets MPI_LOCALRANKID, and under Slurm runs in a
// step of its own); then SLURM_*, believed only in a step (SLURM_STEP_ID) with PMIx, or of several processes with PMI-2;
// then PMI_* alone. A rank that is no number in its range throws Error{config}. get: reads
// the environment.
std::optional<Launch> find_launch(const std::function<const char*(const char*)>& get);
std::optional<Launch> find_launch();

}  // namespace hearth
