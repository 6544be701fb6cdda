#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A kernel that reads behind the end of an array is caught where it stands: by the address sanitizer in global and in
# dynamic shared memory, by the bounds check in an array of static shared memory.
program=$HEARTH_BIN/simt_wrong_kernels
nm "$program" 2>/dev/null | grep -q __asan_init || { echo "skipped: built without the address sanitizer"; exit 77; }
for where in 0 1 2; do
  if report=$("$program" $where 2>&1); then
    echo "no error with $where"
    exit 1
  fi
  case $report in
    *heap-buffer-overflow*wrong_end*sample_kernels.cuh* | *sample_kernels.cuh*'index 8 out of bounds'*) ;;
    *) echo "$report"; exit 1 ;;
  esac
done
