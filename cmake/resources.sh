#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Registers, spills and static shared memory of every kernel, from what nvcc said while it built a cuda-* preset:
#   touch kernels/cuda/*.cu && ninja -C build/cuda-sm90 hearth_cuda_kernels | cmake/resources.sh
# One line a kernel family with the least and most registers of its instances; exits 1 if any kernel spills.
c++filt | awk '
  /Compiling entry function/ { sub(/.*function ./, ""); sub(/. for .*/, ""); name = $0; raw = $0 }
  /bytes stack frame/ { spilled = $5 + $9 }
  /Used [0-9]+ registers/ {
    for (i = 1; i <= NF; i++) if ($i == "Used") registers = $(i + 1)
    family = name
    gsub(/\(anonymous namespace\)::|hearth::kernels::cuda::|void /, "", family)
    sub(/\(.*/, "", family)
    if (family ~ /^(each_kernel|rows_kernel|sum_column_parts)</) { sub(/,.*[0-9], /, " ", family) }
    sub(/<.*/, "", family)
    n[family]++
    if (!(family in least) || registers < least[family]) least[family] = registers
    if (registers > most[family]) most[family] = registers
    spills[family] += spilled
    total += spilled
  }
  END {
    for (family in n) printf "%-28s %3d kernels  %3d to %3d registers  %d bytes spilled\n", family, n[family], least[family], most[family], spills[family] | "sort"
    close("sort")
    exit total > 0
  }'
