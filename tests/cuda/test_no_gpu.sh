#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Where there is no GPU, or hearth was built without CUDA: every tool starts all the same, --device cuda is refused with
# what is missing and what to do, and doctor tells it without calling it a failure. No CUDA library is linked.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

expect_exit 0 '' hearth doctor
expect_stdout '^gpu$'
! grep -Eq 'usable +ok' "$out" || skip "there is a GPU"
expect_stdout '(CUDA +not in this hearth: build it with a cuda-. preset|usable +warning +no GPU: .+: .+, or use --device cpu)'

expect_exit 69 '(built without CUDA: build it with|no GPU: .+: (install|see)) .+, or use --device cpu' \
  pretrain --depth 1 --data tokens.h5 -o none --device cuda
expect_no_file none

ldd "$HEARTH_BIN/pretrain" >"$out" || skip "no ldd"
expect_no_stdout 'libcuda|libcublas|libcudnn|libnccl'
