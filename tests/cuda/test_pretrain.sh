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

# What a GPU's memory must hold, and beside it the host's.
# shellcheck disable=SC2086
expect_exit 0 '' "$simt" $short --steps 6 --device cuda -o runs/plan --dry-run
expect_stdout 'host: the program'
expect_stdout 'host: checkpoint copy'

# cuDNN's attention by name: a model it does not do is refused before the first step, one it does trains.
# shellcheck disable=SC2086
expect_exit 78 'attention cudnn.*bf16.*take portable' "$simt" $short --steps 2 --device cuda --attention cudnn --dtype fp32 -o runs/refused
expect_exit 64 'goes with --device cuda' pretrain --model moe.json --data tokens.h5 --attention auto -o runs/refused
expect_exit 64 'leave out one' "$simt" --model moe.json --data tokens.h5 --device cuda --attention cudnn --exact -o runs/refused
sed 's/"head_dim": *8/"head_dim": 16/; s/"dims": *8/"dims": 16/' moe.json >wide.json
try() { # NAME OPTION...
  name=$1
  shift
  # shellcheck disable=SC2086
  expect_exit 0 '' "$simt" --model wide.json ${short#--model moe.json} --steps 2 --device cuda --dtype bf16 "$@" -o "runs/$name"
  losses "runs/$name" >"$name.losses"
}
try own
try cudnn --attention auto
try experts --grouped-gemm cublaslt --cuda-graphs off
for name in cudnn experts; do
  paste own.losses $name.losses | awk 'NF != 2 { exit 1 } { d = $1 - $2; if (d < 0) d = -d; if (d > 2e-2 * $1) exit 1 }' ||
    fail "losses differ: $(paste own.losses $name.losses)"
done
expect_exit 64 'add --cuda-graphs off' "$simt" --model moe.json --data tokens.h5 --device cuda --grouped-gemm cublaslt -o runs/refused
[ "$failures" -eq 0 ]
