#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/gpu/run.sh without a GPU: gpu_ops runs every op on the SIMT machine and finds all outputs written; a part that
# fails, is skipped or runs out of time is named, the next runs all the same, and what they said is kept.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
run=$HEARTH_SOURCE/tests/gpu/run.sh

# Parts by programs of our own.
mkdir fake
printf '#!/bin/sh\necho measured nothing >&2\nexit 3\n' >fake/gpu_ops
printf '#!/bin/sh\necho healthy\n' >fake/hearth-doctor
printf '#!/bin/sh\ncase $* in *list*) printf "one, of [two]\\nslow\\n" ;; slow) sleep 60 ;; *) echo "ran $*" ;; esac\n' >fake/test_cuda
chmod +x fake/*
expect_exit 0 '' env HEARTH_BIN=fake "$run" -o results --only 'doctor tests ops' --seconds 8
expect_stdout '^  doctor +ok '
expect_stdout '^  tests +out of its [5-8] s '
expect_stdout '^  ops +no time left '
expect_stdout '^  +0 +[0-9]+ s  one, of \[two\]'
expect_exit 1 '' env HEARTH_BIN=fake "$run" -o results --only ops
expect_stdout '^  ops +FAILED, exit code 3 '
expect_stdout 'measured nothing'
tar -xzf results/results.tar.gz
expect "the log is kept" grep -q 'measured nothing' results/ops.log
expect_exit 66 'no programs in' env HEARTH_BIN="$work" "$run"
expect_exit 64 "unknown option '--fast'" "$run" --fast

"$HEARTH_BIN/gpu_ops" --only none --tiny >"$out" 2>&1 || skip "$(cat "$out")"
expect_exit 0 '' "$run" --tiny --only ops -o real
expect_stdout '^  ops +ok '
tar -xzf real/results.tar.gz -C real
expect "every op has its line" [ "$(grep -c '"ratio"' real/results/ops.jsonl)" -ge 25 ]
for set in attention moe; do
  expect_exit 0 '' "$HEARTH_BIN/gpu_ops" --tiny --set $set
  expect_stdout '"ratio"'
  expect_no_stdout '"error"'
done
