#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is installed builds libhearth_mpi.so anew with an MPI and a compiler alone, and ranks speak through it.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
. "$HEARTH_SOURCE/tests/mpi/ranks.sh"

expect_exit 0 '' cmake --install "$HEARTH_BIN/.." --prefix "$work/prefix"
rm prefix/lib/hearth/libhearth_mpi.so
cp "$HEARTH_BIN/mpi_collectives" prefix/bin/
RANKS_TIMEOUT=60
expect_exit 69 'libhearth_mpi.so' ranks 2 prefix/bin/mpi_collectives
expect_exit 0 '' cmake -S prefix/share/hearth/source/packaging/mpi -B built
expect_exit 0 '' cmake --build built
files_of built >files
expect "what is installed was built" grep -q "^$work/prefix/.*/transport\.cpp" files
others=$(grep "^$HEARTH_SOURCE/" files | grep -v "^$work/")
expect "and nothing else of hearth's: $others" [ -z "$others" ]
expect_exit 0 '' cmake --install built --prefix "$work/prefix"
expect_exit 0 '' ranks 2 prefix/bin/mpi_collectives
expect_stdout '^2 ranks agree over .'

# Where there is MPICH too, against that: other launcher, other ABI, the same tools.
command -v mpicc.mpich >/dev/null && command -v mpiexec.mpich >/dev/null || exit $((failures > 0))
expect_exit 0 '' cmake -S prefix/share/hearth/source/packaging/mpi -B other -DMPI_C_COMPILER="$(command -v mpicc.mpich)"
expect_exit 0 '' cmake --build other
expect_exit 0 '' cmake --install other --prefix "$work/prefix"
expect_exit 0 '' timeout 60 mpiexec.mpich -n 2 prefix/bin/mpi_collectives
expect_stdout '^2 ranks agree over MPICH'
