#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# packaging/mpi builds libhearth_mpi.so with an MPI and a compiler alone, and ranks speak through it.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
. "$HEARTH_SOURCE/tests/mpi/ranks.sh"

expect_exit 0 '' cmake -S "$HEARTH_SOURCE/packaging/mpi" -B built
expect_exit 0 '' cmake --build built
expect_exit 0 '' cmake --install built --prefix "$work/prefix"
mkdir bin
cp "$HEARTH_BIN/mpi_collectives" bin/
RANKS_TIMEOUT=60
expect_exit 69 'libhearth_mpi.so' ranks 2 bin/mpi_collectives
mkdir lib
mv prefix/lib/hearth lib/hearth
expect_exit 0 '' ranks 2 bin/mpi_collectives
expect_stdout '^2 ranks agree over .'
