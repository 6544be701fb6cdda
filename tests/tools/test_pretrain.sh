#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pretrain on good input: what it writes and prints, dry runs, going on from weights, several data files.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
. "$HEARTH_SOURCE/tests/tools/pretrain_fixture.sh"

short='--data tokens.h5 --batch-tokens 128 --eval-tokens 500 --steps 30 --lr 0.02'

expect_exit 0 'would serve better' pretrain --depth 2 --moe --moe-experts 4 --context 32 --data tokens.h5 -o runs/plan --dry-run -v
expect_stdout 'export family +dots1'
expect_stdout 'optimiser +[0-9.]+ [KM]iB'
expect_stdout 'arithmetic +[0-9.e+]+ FLOP'
expect_no_file runs

# shellcheck disable=SC2086
expect_exit 0 'held-out' pretrain --model moe.json $short --eval-every 10 --check-kernels -o runs/base
expect_stdout '^runs/base: step 30, 3.* k tokens, held-out bits per byte [0-9.]+ -> [0-9.]+'
for file in metrics.jsonl report.html tokenizer/tokenizer.json tokenizer/tokenizer_config.json step-00000030/index.h5; do
  expect_file runs/base/$file
done
expect_same tokenizer.json runs/base/tokenizer/tokenizer.json
[ "$(grep -c '"event":"step"' runs/base/metrics.jsonl)" -eq 30 ] || fail "not 30 steps in the log"
[ "$(grep -c '"event":"eval"' runs/base/metrics.jsonl)" -eq 4 ] || fail "not 4 evaluations in the log"
grep -q '"experts":\[{"layer":1,"min":' runs/base/metrics.jsonl || fail "no expert load in the log"
grep -q 'kernels and reference: loss differs by' "$err" || fail "--check-kernels did not report"

# A finished run is left as it is.
# shellcheck disable=SC2086
expect_exit 0 '' pretrain --model moe.json $short --eval-every 10 --check-kernels -o runs/base --json -q
expect_stdout '"schema":"hearth.pretrain/1".*"step":30'

# The peak of resident memory is no more than the plan said, nor far below it.
expect_exit 0 '' pretrain --depth 6 --context 64 --data tokens.h5 --steps 2 --batch-tokens 256 --eval-tokens 64 -o runs/memory --dry-run --json -q
planned=$(sed -n 's/.*"total":\([0-9]*\).*/\1/p' "$out")
expect_exit 0 '' pretrain --depth 6 --context 64 --data tokens.h5 --steps 2 --batch-tokens 256 --eval-tokens 64 -o runs/memory --json -q
peak=$(sed -n 's/.*"peak_memory_bytes":\([0-9]*\).*/\1/p' "$out")
[ "$peak" -le "$planned" ] || fail "peak memory $peak, planned $planned"
[ "$peak" -ge $((planned / 2)) ] || fail "planned $planned, but the peak was only $peak"

# Weights of a run, or of one checkpoint, start another run, on two files with weights.
expect_exit 0 '' shard docs -o more.h5.corpus -q --seed 5 --validation-fraction 0.1 --near-duplicates keep --repeated-passages keep --quality none --privacy all=keep
expect_exit 0 '' tokenize encode more.h5.corpus --tokenizer tokenizer.json -o more.h5 -q
expect_exit 0 '' pretrain --model runs/base --data tokens.h5=0.75 --data more.h5=0.25 --epochs 1 --batch-tokens 64 -o runs/next --optimizer adamw \
  --schedule cosine --warmup 2 --clip 0.5 --no-provenance --json -q
expect_stdout '"folder":"runs/next"'
expect_exit 0 '' pretrain --model runs/base/step-00000030 --data tokens.h5 --tokens 640 --batch-tokens 64 -o runs/step -q
head -n 2 runs/next/metrics.jsonl | grep -q '"event":"eval","step":0' || fail "no evaluation at the start"

# The same seed gives the same bytes, another one does not; recomputation changes nothing.
# shellcheck disable=SC2086
expect_exit 0 '' pretrain --model moe.json $short --eval-every 10 --recompute 300K -o runs/recomputed -q
# shellcheck disable=SC2086
expect_exit 0 '' pretrain --model moe.json $short --eval-every 10 --seed 2 -o runs/seed2 -q
cmp -s runs/base/step-00000030/part-00000.h5 runs/seed2/step-00000030/part-00000.h5 && fail "another seed gave the same weights"
# shellcheck disable=SC2086
expect_exit 0 '' pretrain --model moe.json $short --eval-every 10 -o runs/again -q
expect_same_run runs/base runs/again step-00000030
expect_same_run runs/base runs/recomputed step-00000030
