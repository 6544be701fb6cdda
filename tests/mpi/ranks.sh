# SPDX-License-Identifier: Apache-2.0
# Sourced: ranks N COMMAND... runs COMMAND as N ranks on this machine, however few its cores; start_ranks does so in the
# background, as $launcher, with its output in $out and $err. Of the runs of pretrain: losses, weights and expect_close.
# Skips where there is no MPI.
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

# RUN: of every step and evaluation, in order.
losses() { sed -n 's/.*"event":"\(step\|eval\)".*"loss":\([0-9.]*\).*/\2/p' "$1/metrics.jsonl"; }
weights() { cat "$1"/step-*/part-*.h5 | sha256sum; }

# expect_close RUN OTHER TOLERANCE: the losses of every step and evaluation agree, relatively.
expect_close() {
  losses "$1" >one
  losses "$2" >other
  [ "$(wc -l <one)" -gt 3 ] && [ "$(wc -l <one)" -eq "$(wc -l <other)" ] || fail "$1 and $2 have other events"
  paste one other | awk -v most="$3" '{ d = ($1 - $2) / $1; if (d < 0) d = -d; if (d > most) { print; bad = 1 } } END { exit bad }' ||
    fail "$2 does not lie on $1"
}
