# SPDX-License-Identifier: Apache-2.0
# Sourced: ranks N COMMAND... runs COMMAND as N ranks on this machine, however few its cores; start_ranks does so in the
# background, as $launcher, with its output in $out and $err. Skips where there is no MPI.
command -v mpirun >/dev/null && [ -e "$HEARTH_BIN/libhearth_mpi.so" ] || {
  echo "skipped: no MPI here"
  exit 77
}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,vader OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none

ranks() {
  n=$1
  shift
  timeout -k 5 "${RANKS_TIMEOUT:-120}" mpirun --oversubscribe -np "$n" "$@"
}

start_ranks() {
  n=$1
  shift
  mpirun --oversubscribe -np "$n" "$@" >"$out" 2>"$err" &
  launcher=$!
}
