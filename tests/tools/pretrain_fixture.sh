# SPDX-License-Identifier: Apache-2.0
# Sourced by the tests of pretrain after tool_test.sh: a small corpus as tokens.h5 (bytes), and models so small that a
# step takes milliseconds.
mkdir docs
i=0
while [ $i -lt 60 ]; do
  echo "Document $i tells that $((i * 7 % 13)) and $((i * 5 % 11)) make $((i * 7 % 13 + i * 5 % 11)), as anybody can check by counting." >docs/$i.txt
  i=$((i + 1))
done
expect_exit 0 '' shard docs -o corpus.h5 -q --validation-fraction 0.1 --near-duplicates keep --repeated-passages keep --quality none --privacy all=keep
expect_exit 0 '' tokenize train --vocab bytes -o tokenizer.json -q
expect_exit 0 '' tokenize encode corpus.h5 --tokenizer tokenizer.json -o tokens.h5 -q
[ "$failures" -eq 0 ] || exit 1
vocab=$(sed -n 's/.*"vocab": *\([0-9]*\).*/\1/p' <<END
$(pretrain --depth 1 --data tokens.h5 -o none -q --dry-run --json)
END
)

attention='"mixer": {"kind": "gqa", "heads": 2, "kv_heads": 1, "head_dim": 8, "qk_norm": true}, "rope": {"theta": 10000, "dims": 8}'
dense="{$attention, \"ffn\": {\"kind\": \"glu\", \"ffn\": 24}}"
mixture="{$attention, \"ffn\": {\"kind\": \"moe\", \"experts\": 4, \"k\": 2, \"ffn\": 8, \"shared_ffn\": 8}}"
model_json() { # CONTEXT LAYERS
  cat <<END
{"schema": "hearth.model/1", "vocab": $vocab, "hidden": 16, "context": $1, "blocks": {"dense": $dense, "mixture": $mixture},
 "layers": [$2]}
END
}
model_json 32 '"dense"' >dense.json
model_json 32 '"dense", "mixture"' >moe.json

# The events of a run without what depends on time or marks a process.
timeless() { grep -v -e '"event":"start"' -e '"event":"exit"' "$1/metrics.jsonl" | sed 's/,"clock":.*//'; }
expect_same_run() { # RUN RUN STEP-FOLDER
  expect_same "$1/$3/part-00000.h5" "$2/$3/part-00000.h5"
  timeless "$1" >a.metrics
  timeless "$2" >b.metrics
  expect_same a.metrics b.metrics
}
