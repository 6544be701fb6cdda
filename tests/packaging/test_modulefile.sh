#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The installed modulefile under Lmod: loading it puts tools, man pages and the CMake package in reach, unloading takes
# them away, and the shell's own eval and export stay.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
for lmod in "${LMOD_PKG:-}" /usr/share/lmod/lmod; do [ ! -e "$lmod/init/sh" ] || break; done
[ -e "$lmod/init/sh" ] || skip "no Lmod: package lmod of Debian 12"

expect_exit 0 '' cmake --install "$HEARTH_BIN/.." --prefix "$work/prefix"
version=$(cat "$HEARTH_SOURCE/VERSION")
cat >session.sh <<'END'
. "$1/init/sh"
module use "$2/share/hearth/modulefiles"
module load hearth
module list
pretrain --version
echo "pretrain: $(command -v pretrain)"
echo "page: $(man -w hearth-pretrain 2>&1)"
echo "bin: $HEARTH_BIN"
"$HEARTH_SLURM/pipeline.sh" --help | head -n 1
mkdir cmake
echo 'find_package(hearth CONFIG REQUIRED) message(STATUS "found: ${hearth_DIR}")' >cmake/CMakeLists.txt
sed -i '1i cmake_minimum_required(VERSION 3.20)\nproject(found LANGUAGES CXX)' cmake/CMakeLists.txt
sed -i 's/) message/)\nmessage/' cmake/CMakeLists.txt
cmake -S cmake -B built | grep found:
export EXPORTED=yes && eval 'echo "exported: $EXPORTED"'
module help hearth
module unload hearth
echo "after: $(command -v pretrain) ${HEARTH_BIN:-} ${HEARTH_SLURM:-} ${CMAKE_PREFIX_PATH:-}."
END
expect_exit 0 '' env -i HOME="$work" PATH=/usr/bin:/bin LC_ALL=C sh session.sh "$lmod" "$work/prefix"
cat "$err" >>"$out"  # where Lmod speaks
expect_stdout "1\) hearth/$version"
expect_stdout "^pretrain \(hearth\) $version"
expect_stdout "^pretrain: $work/prefix/bin/pretrain\$"
! command -v man >/dev/null || expect_stdout "^page: $work/prefix/share/man/man1/hearth-pretrain.1\$"
expect_stdout "^bin: $work/prefix/bin\$"
expect_stdout '^Usage: slurm/pipeline.sh'
expect_stdout "found: $work/prefix/lib/cmake/hearth\$"
expect_stdout '^exported: yes$'
expect_stdout '^hearth --help lists the tools'
expect_stdout '^after:    \.$'
[ "$failures" -eq 0 ]
