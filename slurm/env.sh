# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# What a site sets, read by every script here: the only file to edit (or name a copy by HEARTH_ENV).

# Where the tools are; a modulefile may have set it. All nodes must see this folder and the run folders.
: "${HEARTH_BIN:=/opt/hearth/bin}"

# Options of sbatch: for all jobs, then for each kind. Account and partition stand here and nowhere else.
#   HEARTH_SBATCH=(--account=project_123 --partition=standard)
HEARTH_SBATCH=()
HEARTH_SBATCH_SHARD=(--cpus-per-task=16 --mem=32G --time=12:00:00)
HEARTH_SBATCH_TOKENIZE=(--cpus-per-task=16 --mem=32G --time=04:00:00)
HEARTH_SBATCH_PRETRAIN=(--nodes=4 --ntasks-per-node=1 --exclusive --time=24:00:00 --signal=USR1@600)
HEARTH_SBATCH_EXPORT=(--cpus-per-task=4 --mem=32G --time=01:00:00)

# Elements of the shard array at a time. 1: each input is held against all before it (--against), so that duplicates
# between inputs go; more: inputs side by side, and each only against what is there when it starts. ranks: no array, but
# one job that reads all inputs as the tasks of HEARTH_SBATCH_SHARD (--nodes=4 --ntasks-per-node=1), without duplicates.
HEARTH_SHARD_AT_ONCE=1

# Options of srun for many ranks. MPI must be the one that libhearth_mpi.so was built against.
HEARTH_SRUN=(--mpi=pmix)
# Seconds from the first rank that leaves to the end of the others; longer than a checkpoint takes to finish.
HEARTH_WAIT=60

# After a checkpoint (exit 75: time limit, preemption) and after a lost rank or node (69), the job goes back into the
# queue. requeue: by scontrol requeue; chain: as a new job, where the site forbids requeueing; no: it ends.
HEARTH_AGAIN=requeue
HEARTH_MAX_STOPS=50    # times it is started again after a checkpoint
HEARTH_MAX_FAILURES=5  # times after a loss; and never twice without a new checkpoint in between

# hearth doctor on every node before the training: off, warn (slow nodes are named), exclude (and kept out).
HEARTH_DOCTOR=warn

# Modules and the network, each line with its reason; for example:
#   module load openmpi/4.1                         # the MPI above
#   export UCX_NET_DEVICES=mlx5_0:1                 # the fast port; the other one is for storage
#   export OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,vader,tcp OMPI_MCA_btl_tcp_if_include=ib0   # a cluster without UCX
