#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The whole way, small: hearth's own sources to a documents file, tokens, a trained model (dense, then a mixture of
# experts), a Hugging Face folder that passes its parity check, and a few words from it. Learning is asserted: held-out
# bits per byte must fall.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

# Held-out bits per byte at the first and the last evaluation of a run: "8.01 4.35".
bits_per_byte() {
  sed -n 's/.*"event":"eval".*"bits_per_byte":\([0-9.]*\).*/\1/p' "$1/metrics.jsonl" | sed -n '1p;$p' | tr '\n' ' '
}

expect_exit 0 '' shard "$HEARTH_SOURCE/lib" "$HEARTH_SOURCE/kernels" "$HEARTH_SOURCE/README.md" -o corpus.h5
expect_exit 0 '' tokenize train corpus.h5 --vocab-size 512 -o tokenizer.json
expect_exit 0 '' tokenize encode corpus.h5 --tokenizer tokenizer.json -o tokens.h5

for kind in dense moe; do
  flags='--depth 1'
  [ $kind = moe ] && flags='--depth 2 --moe --moe-experts 4 --moe-k 2'
  # shellcheck disable=SC2086  # flags are words
  expect_exit 0 '' pretrain $flags --data tokens.h5 --context 64 --batch-tokens 1024 --steps 60 --eval-every 0 \
    --eval-tokens 8k -o "$kind"
  set -- $(bits_per_byte "$kind")
  expect "$kind: held-out bits per byte fall by half a bit at least ($*)" \
    awk -v before="${1:-0}" -v after="${2:-9}" 'BEGIN { exit !(after < before - 0.5 && before < 9) }'
  for file in metrics.jsonl report.html step-00000060; do expect_file "$kind/$file"; done

  expect_exit 0 '' "$HEARTH_BIN/export" --model "$kind" --to hf -o "$kind-hf"
  for file in config.json model.safetensors tokenizer.json tokenizer_config.json parity.json; do expect_file "$kind-hf/$file"; done
  expect_exit 0 '' "$HEARTH_BIN/export" --verify "$kind-hf"
  expect_exit 0 '' hearth sample --model "$kind" --prompt 'namespace' --max-tokens 8 --seed 1
  expect_stdout .
  cp "$out" "$kind.txt"
  expect_exit 0 '' hearth sample --model "$kind-hf" --prompt 'namespace' --max-tokens 8 --seed 1
  expect "$kind: the exported model says the same" cmp -s "$out" "$kind.txt"
done

# A step that silently did not run shows at the next one.
expect_exit 66 '' tokenize encode none.h5 --tokenizer tokenizer.json -o none-tokens.h5
expect_exit 73 'exists already' tokenize encode corpus.h5 --tokenizer tokenizer.json -o tokens.h5
