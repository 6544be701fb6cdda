#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Races in the CUDA kernels: they run on the SIMT machine under the thread sanitizer, for which every CUDA thread is a
# thread and only barriers order them (tests/simt/races.h). First it must find two races that are there, and none where
# there is none. Then every test of tests/cuda. Ends with one line of what came out; 1 when there was a race.
#
#   tests/long/tsan_simt.sh ["names of tests, as Catch takes them"]
#
# BUILD: the build folder (default build/tsan-simt); JOBS: how many to build and test at a time; CONFIGURE: options of
# cmake's; LIMIT_S: of one test (default 3600)
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build/tsan-simt}
jobs=${JOBS:-$(nproc)}
# shellcheck disable=SC2086
cmake -S . -B "$build" -G Ninja -DHEARTH_SIMT_SANITIZER=thread ${CONFIGURE:-} >/dev/null &&
  ninja -C "$build" -j "$jobs" test_cuda simt_wrong_kernels >"$build/build.log" 2>&1 ||
  { tail -n 30 "$build/build.log"; echo "races: does not build"; exit 1; }

# A report makes the program end with 66.
# Host code is not instrumented: what orders the threads of a communicator's queue (counts of shared pointers) is not seen.
echo 'race:^hearth::comm::Queue::' >"$build/suppressions"
export TSAN_OPTIONS="exitcode=66 history_size=3 report_thread_leaks=0 report_signal_unsafe=0 suppressions=$(cd "$build" && pwd)/suppressions"
run="setarch $(uname -m) -R"  # where addresses are random this sanitizer may not find room
$run true 2>/dev/null || run=
# expect CODE KERNEL: how tests/simt/wrong_kernels.cpp must end with that kernel.
expect() {
  code=0
  $run "$build/bin/simt_wrong_kernels" "$2" >"$build/wrong.log" 2>&1 || code=$?
  [ "$code" -ne "$1" ] || return 0
  cat "$build/wrong.log"
  echo "races: kernel $2 of tests/simt/wrong_kernels.cpp ended with $code, not $1"
  exit 1
}
expect 66 3
expect 66 4
expect 0 5

"$build/bin/test_cuda" --list-test-names-only ${1:+"$1"} >"$build/names"
cat >"$build/one.sh" <<'END'
name=$1
log=$BUILD/race-$(printf '%s' "$name" | tr -c 'A-Za-z0-9' _ | cut -c 1-60).log
begin=$(date +%s) code=0
timeout "$LIMIT_S" $RUN "$BUILD/bin/test_cuda" "$(printf '%s' "$name" | sed 's/[][\\,]/\\&/g')" >"$log" 2>&1 || code=$?
printf '%3d %5d s  %s\n' "$code" $(($(date +%s) - begin)) "$name"
[ "$code" -eq 0 ] || grep -A 12 'WARNING: ThreadSanitizer' "$log" | head -n 40
END
export BUILD="$build" RUN="$run" LIMIT_S="${LIMIT_S:-3600}"
tr '\n' '\0' <"$build/names" | xargs -0 -n 1 -P "$jobs" sh "$build/one.sh" | tee "$build/results"
passed=$(grep -c '^  0 ' "$build/results") all=$(wc -l <"$build/names")
echo "races: $passed of $all tests of tests/cuda without one"
[ "$passed" -eq "$all" ]
