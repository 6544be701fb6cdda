#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A part of run.sh: pretrain on the GPU, dense and mixture, as a user runs it; and a short run on the host that it must
# agree with. The last lines tell tokens/s and the losses.
set -u
tokens=$ROOT/data/tokens.h5
if [ ! -e "$tokens" ]; then  # in a build: the project's own texts
  tokens=$SCRATCH/tokens.h5
  "$HEARTH_BIN/shard" "$ROOT/kernels" "$ROOT/formats" -o "$SCRATCH/corpus.h5" --quality none -q &&
    "$HEARTH_BIN/tokenize" train "$SCRATCH/corpus.h5" --vocab-size 512 -o "$SCRATCH/tokenizer.json" -q &&
    "$HEARTH_BIN/tokenize" encode "$SCRATCH/corpus.h5" --tokenizer "$SCRATCH/tokenizer.json" -o "$tokens" -q || exit
fi
"$HEARTH_BIN/pretrain" --depth 1 --data "$tokens" -o "$SCRATCH/probe" --device cuda --dry-run -q >/dev/null || exit 69
losses() { sed -n 's/.*"event":"step".*"loss":\([0-9.]*\).*/\1/p' "$1/metrics.jsonl"; }
# last KEY RUN: of the last step that tells it.
last() { sed -n "s/.*\"event\":\"step\".*\"$1\":\([0-9.e+]*\).*/\1/p" "$2/metrics.jsonl" | tail -n 1; }
failed=0

agree='--depth 2 --context 64 --batch-tokens 256 --eval-tokens 256 --steps 5 --dtype fp32 -q'
for kind in dense moe; do
  more= && [ $kind = dense ] || more=--moe
  for device in cpu cuda; do
    # shellcheck disable=SC2086
    "$HEARTH_BIN/pretrain" $agree $more --data "$tokens" --device $device -o "$SCRATCH/$kind-$device" || failed=1
    losses "$SCRATCH/$kind-$device" >"$SCRATCH/$device.losses"
  done
  paste "$SCRATCH/cpu.losses" "$SCRATCH/cuda.losses" |
    awk -v kind=$kind 'NF == 2 { d = $1 - $2; if (d < 0) d = -d; if (d / $1 > most) most = d / $1; n++ }
      END {
        if (n != 5) { printf "%s, fp32: %d of 5 steps have a loss on both GPU and host\n", kind, n; exit 1 }
        printf "%s, fp32, %d steps: losses of GPU and host differ by %.2e of themselves at most\n", kind, n, most
        exit !(most < 1e-3)
      }' || failed=1
done

shape='--depth 12 --context 2048 --batch-tokens 262144 --eval-tokens 65536 --steps 20 --dtype bf16'
[ -z "$TINY" ] || shape='--depth 2 --context 16 --batch-tokens 32 --eval-tokens 32 --steps 3 --dtype bf16'
for kind in dense moe; do
  more= && [ $kind = dense ] || more=--moe
  # shellcheck disable=SC2086
  "$HEARTH_BIN/pretrain" $shape $more --data "$tokens" --device cuda -o "$SCRATCH/$kind" || { failed=1; continue; }
  cp "$SCRATCH/$kind/metrics.jsonl" "$OUT/pretrain-$kind.jsonl"
  echo "$kind: $(last tokens_per_s "$SCRATCH/$kind") tokens/s, loss $(losses "$SCRATCH/$kind" | head -n 1) -> $(losses "$SCRATCH/$kind" | tail -n 1)"
done
exit $failed
