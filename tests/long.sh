#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make test-long: what takes hours, and needs more than the packages of packaging/debian-12.txt. Writes what came of it,
# with the commit, into tests/LONG.md; the exit code is 1 when something failed.
#   tests/long.sh [PART...]      without names: all parts; rows of the others stay as they are
#   FUZZ_SECONDS=N               for each fuzzer (default 300); JOBS=N: threads to build and test with
# A part is a function part_NAME that calls `row WHAT RESULT DETAIL` for each line of its table; RESULT is passed, failed
# or skipped. To add one, write the function and put its name into all_parts.
set -u
cd "$(dirname "$0")/.." || exit 1
all_parts="fuzz sanitize races kills slurm"
: "${FUZZ_SECONDS:=300}" "${JOBS:=$(nproc)}"
rows=$(mktemp) || exit 1
trap 'rm -f "$rows"' EXIT

commit=$(git rev-parse --short HEAD)
[ -z "$(git status --porcelain --untracked-files=no -- ':!tests/LONG.md')" ] || commit="$commit and changes"

row() {
  echo "| $part | $1 | $2 | $3 | $commit |" | tee -a "$rows"
}

# Every target for FUZZ_SECONDS, on the inputs it has gathered in build/fuzz/inputs and on those that are checked in.
# A find lies in build/fuzz/finds; mended, it goes to tests/golden/fuzz/TARGET/find-WHAT.
part_fuzz() {
  if ! command -v clang++ >/dev/null; then
    row "all targets" skipped "needs clang and libclang-rt-14-dev"
    return
  fi
  if ! { cmake --preset fuzz && ninja -C build/fuzz -j "$JOBS" fuzzers; } >build/fuzz-build.log 2>&1; then
    row "all targets" failed "do not build: build/fuzz-build.log"
    return
  fi
  for program in build/fuzz/bin/fuzz_*; do
    target=${program##*/fuzz_}
    [ "$target" = replay ] && continue
    mkdir -p "build/fuzz/inputs/$target" build/fuzz/finds
    seeds=$(sed -n "s/^$target //p" tests/fuzz/seeds.txt)
    [ ! -d "tests/golden/fuzz/$target" ] || seeds="$seeds tests/golden/fuzz/$target"
    log=build/fuzz/$target.log
    result=passed
    # shellcheck disable=SC2086  # several folders
    "$program" -max_total_time="$FUZZ_SECONDS" -timeout=30 -rss_limit_mb=3000 -print_final_stats=1 \
      -artifact_prefix="build/fuzz/finds/$target-" "build/fuzz/inputs/$target" $seeds \
      >"$log" 2>&1 || result=failed
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    row "$target" $result "$FUZZ_SECONDS s: ${runs:-no} runs$([ $result = passed ] || echo "; $log")"
  done
}

# The whole suite with the address and undefined-behaviour sanitizers.
part_sanitize() {
  if ! { cmake --preset sanitize && ninja -C build/sanitize -j "$JOBS"; } >build/sanitize-build.log 2>&1; then
    row "make test" failed "does not build: build/sanitize-build.log"
    return
  fi
  result=passed
  ctest --test-dir build/sanitize -j "$JOBS" --output-on-failure --timeout 1800 >build/sanitize/tests.log 2>&1 || result=failed
  row "make test" $result "$(grep 'tests passed' build/sanitize/tests.log)"
}

# The CUDA kernels on the SIMT machine, under the thread sanitizer.
part_races() {
  result=passed
  JOBS=$JOBS tests/long/tsan_simt.sh >build/races.log 2>&1 || result=failed
  row "CUDA kernels" $result "$(tail -n 1 build/races.log)"
}

# A rank of a training killed at 50 random moments.
part_kills() {
  if ! { cmake --preset cpu && ninja -C build/cpu -j "$JOBS" tools hearth_mpi; } >build/kills-build.log 2>&1; then
    row "pretrain" failed "does not build: build/kills-build.log"
    return
  fi
  result=passed
  HEARTH_BIN=$PWD/build/cpu/bin HEARTH_SOURCE=$PWD KILLS=50 SEED=$$ tests/mpi/test_pretrain_kills.sh >build/kills.log 2>&1 || result=failed
  row "pretrain" $result "$(tail -n 1 build/kills.log)"
}

# What clusters do to a training, on a private Slurm: a row a fault, with the seconds to the next start, the steps lost,
# and whether losses and weights are those of the unbroken run.
part_slurm() {
  if ! { cmake --preset cpu && ninja -C build/cpu -j "$JOBS"; } >build/slurm-build.log 2>&1; then
    row "faults" failed "does not build: build/slurm-build.log"
    return
  fi
  code=0
  HEARTH_BIN=$PWD/build/cpu/bin HEARTH_SOURCE=$PWD timeout 3000 tests/long/slurm.sh >build/slurm.log 2>&1 || code=$?
  if [ $code = 77 ]; then
    row "faults" skipped "$(grep skipped build/slurm.log)"
    return
  fi
  grep '^| ' build/slurm.log | while IFS='|' read -r _ fault what seconds steps bits _; do
    result=passed
    case $what$bits in *NOT* | *DIFFERENT*) result=failed ;; esac
    # shellcheck disable=SC2086,SC2116  # takes the spaces off
    row "$(echo $fault)" $result "$(echo $what): $(echo $seconds) s to the next start, $(echo $steps) steps lost, bits $(echo $bits)"
  done
  [ $code = 0 ] || row "all faults" failed "exit $code: build/slurm.log"
}

mkdir -p build
[ $# -gt 0 ] || {
  # shellcheck disable=SC2086
  set -- $all_parts
}
for part in "$@"; do
  "part_$part"
done
! grep -q '| failed |' "$rows"
code=$?

for part in $all_parts; do
  case " $* " in
    *" $part "*) ;;
    *) grep "^| $part |" tests/LONG.md 2>/dev/null >>"$rows" ;;
  esac
done
{
  echo "# The last long tests"
  echo
  echo "Written by \`make test-long\` (tests/long.sh), which says what the parts are. Not checked by anything else."
  echo
  echo "| part | what | result | detail | commit |"
  echo "|---|---|---|---|---|"
  sort "$rows"
} >tests/LONG.md
exit $code
