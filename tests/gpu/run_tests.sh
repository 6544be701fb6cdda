#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A part of run.sh: each test case of tests/cuda in a process of its own, several at a time (their time goes to the host's
# reference), so that one that breaks the GPU's context breaks no other.
set -u
program=$HEARTH_BIN/test_cuda
folder=$OUT/tests
mkdir -p "$folder"
"$program" --list-test-names-only >"$SCRATCH/names"  # Catch ends with the number of tests here
[ -s "$SCRATCH/names" ] || { echo "$program lists no tests"; exit 70; }
cat >"$SCRATCH/one.sh" <<'END'
name=$1
log=$FOLDER/$(printf '%s' "$name" | tr -c 'A-Za-z0-9' _ | cut -c 1-80).log
begin=$(date +%s) code=0
timeout 150 "$PROGRAM" "$(printf '%s' "$name" | sed 's/[][\\,]/\\&/g')" >"$log" 2>&1 || code=$?
[ "$code" -ne 0 ] || ! grep -q 'not tried: ' "$log" || code=77  # cuDNN's and NCCL's, where they are not installed
printf '%3d %4d s  %s\n' "$code" $(($(date +%s) - begin)) "$name"
END
export PROGRAM="$program" FOLDER="$folder"
jobs=$(nproc) && [ "$jobs" -le 8 ] || jobs=8
tr '\n' '\0' <"$SCRATCH/names" | xargs -0 -n 1 -P "$jobs" sh "$SCRATCH/one.sh" | tee "$SCRATCH/verdicts"
count() { grep -c "$1" "$SCRATCH/verdicts"; }
echo
grep -v '^  0\|^ 77' "$SCRATCH/verdicts" | cut -d ' ' -f 4- | sed 's/^/FAILED:/'
echo "$(count '^  0') passed, $(grep -vc '^  0\|^ 77' "$SCRATCH/verdicts") failed, $(count '^ 77') skipped"
! grep -qv '^  0\|^ 77' "$SCRATCH/verdicts" || exit 1
[ "$(count '^  0')" -gt 0 ] || exit 77
