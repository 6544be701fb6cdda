#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A part of run.sh: compute-sanitizer over gpu_ops' small shapes: memcheck, then racecheck. The SIMT machine finds such
# faults on the host, but not the ones its model of a GPU leaves out.
set -u
tool=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer /opt/nvidia/*/compute-sanitizer/compute-sanitizer 2>/dev/null | head -n 1)
[ -n "$tool" ] || { echo 'skipped: no compute-sanitizer'; exit 77; }
failed=0
for check in memcheck racecheck; do
  for set in ops attention moe; do
    echo "== $check $set"
    "$tool" --tool $check --error-exitcode 99 "$HEARTH_BIN/gpu_ops" --set $set --tiny >"$SCRATCH/sanitizer.log" 2>&1 || failed=1
    grep '=========' "$SCRATCH/sanitizer.log" | head -n 12
  done
done
exit $failed
