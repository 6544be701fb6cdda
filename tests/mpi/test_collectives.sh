#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The collectives over real MPI, with and without a thread of their own, and alone without a launcher.
set -eu
. "$HEARTH_SOURCE/tests/mpi/ranks.sh"
collectives=$HEARTH_BIN/mpi_collectives

"$collectives"
for n in 1 2 3 4; do
  for thread in none thread; do
    ranks $n "$collectives" $thread | grep "^$n ranks agree over ."
  done
done
