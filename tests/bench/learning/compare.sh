#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# compare.sh [FOLDER]: is learning right? A byte model of 4 layers, 4 heads, width 128, context 64, batch 12, 2000 steps,
# trained by pretrain and by nanoGPT's recipe in PyTorch on the same text; prints both validation losses as JSON lines and
# exits 1 when ours is higher. HEARTH_BIN: folder of the built tools; PYTHON: a Python with torch (77 without one).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$(mktemp -d)}
mkdir -p "$folder" && cd "$folder"
PATH=${HEARTH_BIN:?is the folder of the built tools}:$PATH
python=${PYTHON:-python3}
"$python" -c 'import torch' 2>/dev/null || { echo "skipped: $python has no torch"; exit 77; }

[ -e text/train.txt ] || { mkdir -p text && sh "$here/make_text.sh" text/train.txt text/validation.txt; }
if [ ! -e validation.h5 ]; then
  shard text/train.txt -o train-text.h5 --validation-fraction 0 --test-fraction 0 -f -q --near-duplicates keep --repeated-passages keep --quality none --privacy all=keep >/dev/null
  shard text/validation.txt -o validation-text.h5 --validation-fraction 0.999999999 --test-fraction 0 -f -q --near-duplicates keep --repeated-passages keep --quality none --privacy all=keep >/dev/null
  tokenize train --vocab bytes -o tokenizer.json -q -f >/dev/null
  for part in train validation; do tokenize encode $part-text.h5 --tokenizer tokenizer.json -o $part.h5 -q -f >/dev/null; done
fi
vocab=$(pretrain --depth 1 --data train.h5 -o none -q --dry-run --json | sed -n 's/.*"vocab": *\([0-9]*\).*/\1/p')
cat >model.json <<END
{"schema": "hearth.model/1", "vocab": $vocab, "hidden": 128, "context": 64, "layers": ["block", "block", "block", "block"],
 "blocks": {"block": {"mixer": {"kind": "gqa", "heads": 4, "kv_heads": 4, "head_dim": 32, "qk_norm": true},
                      "rope": {"theta": 10000, "dims": 32}, "ffn": {"kind": "glu", "ffn": 341}}}}
END
[ -e peer.json ] || "$python" "$here/nanogpt_recipe.py" text/train.txt text/validation.txt >peer.json
cat peer.json
rm -rf run
# shellcheck disable=SC2086  # more options for pretrain
pretrain --model model.json --data train.h5 --data validation.h5 --steps 2000 --batch-tokens 768 --eval-every 0 --checkpoint-every 0 \
  --eval-tokens 1000000 -o run -q --json ${PRETRAIN_OPTIONS:-} >ours.json
cat ours.json
ours=$(sed -n 's/.*"held_out":{[^}]*"loss":\([0-9.]*\).*/\1/p' ours.json)
theirs=$(sed -n 's/.*"validation_loss": \([0-9.]*\).*/\1/p' peer.json)
echo "validation loss: hearth $ours, nanoGPT's recipe $theirs"
awk "BEGIN { exit !($ours <= $theirs) }"
