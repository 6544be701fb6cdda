#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Documents scored by a model trained here: texts like those it knows have less perplexity than the same letters in
# another order; thresholds, tags, threads, what is refused. What a score is: tests/lib/infer/test_text_scorer.cpp.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
. "$HEARTH_SOURCE/tests/tools/pretrain_fixture.sh"

expect_exit 0 '' pretrain --model dense.json --data tokens.h5 --batch-tokens 512 --eval-tokens 500 --steps 60 --lr 0.02 -o run -q
[ "$failures" -eq 0 ] || exit 1
mkdir judged
for i in 3 17 42; do
  sed 's/tells that/says that/' docs/$i.txt >judged/good-$i.txt
  fold -w 1 docs/$i.txt | sort -R --random-source=tokenizer.json | tr -d '\n' >judged/mixed-$i.txt
done
plain="--quality none --near-duplicates keep --repeated-passages keep --privacy all=keep --no-provenance"
model="--perplexity-model run --perplexity-tokens 24"

expect_exit 0 '' shard judged -o tagged.h5 $plain $model --html report.html
expect_stdout 'perplexity, documents: .* to .* in '
expect "the report has the bands" grep -q 'perplexity: what it found' report.html
expect_exit 0 '' shard cat tagged.h5
expect "six are scored" [ "$(grep -c '"perplexity":[0-9.]*}' "$out")" -eq 6 ]
scores() { grep "$1-" "$out" | sed 's/.*"perplexity":\([0-9.]*\).*/\1/' | sort -g; }
worst=$(scores good | tail -n 1) best=$(scores mixed | head -n 1)
expect "$worst, the worst of the good, is half of $best at most" awk "BEGIN { exit !(2 * $worst < $best) }"
expect_exit 0 '' shard judged -o one.h5 $plain $model -j 1
expect_same tagged.h5 one.h5

expect_exit 0 '' shard judged -o most.h5 $plain $model --perplexity-max 1000
expect_stdout 'perplexity-high  *3 '
expect_stdout 'kept  *3 '
expect_exit 0 '' shard cat most.h5 --rejected
expect_stdout '"source":"judged/mixed-3.txt".*"reason":"perplexity-high","detail":"perplexity [0-9.]*; at most [0-9.]* is wanted"'
expect_exit 0 '' shard judged -o least.h5 $plain $model --perplexity-min 1000
expect_stdout 'perplexity-low  *3 '
expect_exit 0 '' shard judged -o all.h5 $plain $model --perplexity-max 1.5 --quality-action tag
expect_stdout 'kept  *6 '

expect_exit 78 'perplexity-max and --perplexity-min need --perplexity-model' shard judged -o no.h5 --perplexity-max 9
expect_exit 78 'perplexity-max must be above --perplexity-min' shard judged -o no.h5 $model --perplexity-max 9 --perplexity-min 9
expect_exit 66 'absent: ' shard judged -o no.h5 --perplexity-model absent
cp -r "$HEARTH_SOURCE/tests/golden/hf/qwen3" mute
expect_exit 66 'perplexity-model mute: .*no tokenizer.json' shard judged -o no.h5 --perplexity-model mute
expect_no_file no.h5
