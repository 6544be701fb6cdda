#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pretrain --device cuda, whole runs on a mixture: the losses of the host, checkpoints that it goes on from with the same
# bits, kernels that agree with the reference. Where the tools have no GPU, their copy on the SIMT machine runs.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
. "$HEARTH_SOURCE/tests/tools/pretrain_fixture.sh"
simt=$HEARTH_BIN/simt_pretrain
[ -x "$simt" ] || simt=$HEARTH_BIN/pretrain
if ! "$simt" --device cuda --model moe.json --data tokens.h5 -o runs/probe --steps 1 --dry-run -q >"$out" 2>"$err"; then
  echo "skipped: $(cat "$err")"
  exit 77
fi

short='--model moe.json --data tokens.h5 --batch-tokens 64 --eval-tokens 64 --lr 0.02 -q'
losses() { sed -n 's/.*"event":"step".*"loss":\([0-9.]*\).*/\1/p' "$1/metrics.jsonl"; }

# shellcheck disable=SC2086
expect_exit 0 '' pretrain $short --steps 6 -o runs/host
# shellcheck disable=SC2086
"$simt" $short --steps 6 --device cuda --check-kernels -o runs/gpu 2>"$err" || fail "on CUDA: $(cat "$err")"
[ "$(losses runs/gpu | wc -l)" -eq 6 ] || fail "not 6 steps"
losses runs/host >host.losses
losses runs/gpu | paste host.losses - | awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > 1e-3 * $1) exit 1 }' ||
  fail "losses differ: $(losses runs/gpu | paste host.losses -)"

# shellcheck disable=SC2086
"$simt" $short --steps 6 --checkpoint-every 3 --device cuda -o runs/again 2>"$err" || fail "again: $(cat "$err")"
expect_same runs/gpu/step-00000006/part-00000.h5 runs/again/step-00000006/part-00000.h5
rm -rf runs/again/step-00000006
# shellcheck disable=SC2086
"$simt" $short --steps 6 --checkpoint-every 3 --device cuda -o runs/again 2>"$err" || fail "going on: $(cat "$err")"
expect_same runs/gpu/step-00000006/part-00000.h5 runs/again/step-00000006/part-00000.h5
[ "$failures" -eq 0 ]
