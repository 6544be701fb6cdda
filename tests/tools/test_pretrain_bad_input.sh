#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pretrain on bad input: each mistake has its message and exit code, before any time is spent.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
. "$HEARTH_SOURCE/tests/tools/pretrain_fixture.sh"

short='--batch-tokens 128 --eval-tokens 500 --steps 6 -q'
tiny="--model dense.json --data tokens.h5 $short"

# shellcheck disable=SC2086  # lists of options below
{
# The command line.
expect_exit 64 'output .*is missing' pretrain --depth 1 --data tokens.h5
expect_exit 64 'data .*is missing' pretrain --depth 1 -o x
expect_exit 64 'say what to train' pretrain --data tokens.h5 -o x
expect_exit 64 'exclude each other' pretrain --depth 1 --model dense.json --data tokens.h5 -o x
expect_exit 64 'hours goes with --depth auto' pretrain --depth 1 --hours 2 --data tokens.h5 -o x
expect_exit 64 'depth auto needs --hours' pretrain --depth auto --data tokens.h5 -o x
expect_exit 64 'a number of layers or auto, got .deep.' pretrain --depth deep --data tokens.h5 -o x
expect_exit 64 'go with --depth and --moe' pretrain --depth 2 --moe-k 2 --data tokens.h5 -o x
expect_exit 64 'moe goes with --depth' pretrain --model dense.json --moe --data tokens.h5 -o x
expect_exit 64 'one of --steps, --tokens and --epochs' pretrain --model dense.json --steps 1 --epochs 1 --data tokens.h5 -o x
expect_exit 64 'not a positive weight' pretrain --model dense.json --data tokens.h5=much -o x
expect_exit 64 "did you mean '--batch-tokens'" pretrain --model dense.json --batch-token 5 --data tokens.h5 -o x
expect_exit 78 'leave nothing' pretrain --model dense.json --data tokens.h5 --data tokens.h5=1 -o x

# Impossible shapes.
expect_exit 78 'depth is 99' pretrain --depth 99 --data tokens.h5 -o x
expect_exit 78 'k' pretrain --depth 2 --moe --moe-experts 2 --moe-k 3 --data tokens.h5 -o x
expect_exit 78 'not a multiple of the context of 32: give 96 or 128' pretrain --model dense.json --batch-tokens 100 --data tokens.h5 -o x
expect_exit 78 'not a multiple of the context' pretrain --model dense.json --microbatch-tokens 40 --data tokens.h5 -o x
expect_exit 78 'context 64 is beyond the 32' pretrain --model dense.json --context 64 --data tokens.h5 -o x
expect_exit 78 'warmup and --decay together take' pretrain --model dense.json --steps 10 --warmup 8 --decay 5 --data tokens.h5 -o x
expect_exit 78 'this needs .* GiB' pretrain --depth 64 --steps 5 --context 4096 --batch-tokens 8192 --data tokens.h5 -o x
sed 's/"heads": 2/"heads": 3/; s/"kv_heads": 1/"kv_heads": 2/' dense.json >heads.json
expect_exit 78 'heads' pretrain --model heads.json --data tokens.h5 -o x
sed 's/"ffn": {/"mask": {"kind": "window", "size": 0}, "ffn": {/' dense.json >window.json
expect_exit 78 'window' pretrain --model window.json --data tokens.h5 -o x
sed 's/"hidden"/"hiden": 1, "hidden"/' dense.json >key.json
expect_exit 78 "hiden.*did you mean 'hidden'" pretrain --model key.json --data tokens.h5 -o x
echo '{"vocab": 3,' >broken.json
expect_exit 65 'broken.json: line' pretrain --model broken.json --data tokens.h5 -o x

# Data.
expect_exit 66 'no-such.h5: No such file' pretrain --model dense.json --data no-such.h5 -o x
: >empty.h5
expect_exit 65 'empty.h5' pretrain --model dense.json --data empty.h5 -o x
head -c 3000 tokens.h5 >cut.h5
expect_exit 65 'cut.h5' pretrain --model dense.json --data cut.h5 -o x
expect_exit 65 'corpus.h5' pretrain --model dense.json --data corpus.h5 -o x
cp dense.json foreign.h5
expect_exit 65 'foreign.h5' pretrain --model dense.json --data foreign.h5 -o x
for file in future-major future-feature incomplete other-format foreign empty; do
  expect_exit 65 "$file.h5" pretrain --depth 1 --data "$HEARTH_SOURCE/formats/golden/tokens/failed/$file.h5" --tokenizer none -o x
done
mkdir other
expect_exit 0 '' tokenize train corpus.h5 --vocab-size 300 -o other -q
expect_exit 0 '' tokenize encode corpus.h5 --tokenizer other -o other.h5 -q
expect_exit 78 'with another tokenizer than tokens.h5' pretrain --model dense.json --data tokens.h5 --data other.h5 -o x
expect_exit 78 'is not the tokenizer that tokens.h5 was encoded with' pretrain --model dense.json --data tokens.h5 --tokenizer other -o x
expect_exit 66 'no-such.json' pretrain --model dense.json --data tokens.h5 --tokenizer no-such.json -o x
expect_exit 78 'the model has [0-9]+ tokens, the data.s tokenizer 300' pretrain --model dense.json --data other.h5 -o x
mv tokenizer.json away.json
expect_exit 66 'is not where it was: name it by --tokenizer' pretrain $tiny -o x
mv away.json tokenizer.json
expect_exit 66 'no-model: No such file' pretrain --model no-model --data tokens.h5 -o x
expect_exit 65 'docs' pretrain --model docs --data tokens.h5 -o x

# The run's folder.
mkdir full-of-things
touch full-of-things/thesis.tex
expect_exit 73 'is not empty, and what it holds is no run' pretrain $tiny -o full-of-things
touch a-file
expect_exit 73 'a-file' pretrain $tiny -o a-file
if can_drop_privileges; then
  mkdir locked && chmod 500 locked
  expect_exit 73 'locked' unprivileged pretrain $tiny -o locked
  expect_exit 73 'locked/run' unprivileged pretrain $tiny -o locked/run
fi
expect_exit 66 'no checkpoint to resume from' pretrain $tiny -o absent --resume must
expect_exit 74 'No space left|File too large' on_full_disk 100k pretrain $tiny --checkpoint-every 1 --keep 50 -o full/run

# Two runs in one folder.
pretrain --model dense.json --data tokens.h5 --batch-tokens 128 --steps 100000 -q -o busy >/dev/null 2>&1 &
process=$!
while [ ! -e busy/metrics.jsonl ] && kill -0 $process 2>/dev/null; do sleep 0.01; done
expect_exit 73 "busy: another run is writing here \(process $process on" pretrain $tiny -o busy
kill -TERM $process
wait $process 2>/dev/null

# Resuming another run, and a damaged one.
expect_exit 0 '' pretrain $tiny --lr 0.01 -o run
expect_exit 78 'started with another --lr \(0.01, now 0.02\)' pretrain $tiny --lr 0.02 -o run
expect_exit 78 'started with another --seed \(1, now 7\)' pretrain $tiny --lr 0.01 --seed 7 -o run
expect_exit 78 'started with another --lr \(0.01, now not given\)' pretrain $tiny -o run
expect_exit 78 'with other data' pretrain --model dense.json --data tokens.h5=2 --data tokens.h5=1 $short --lr 0.01 -o run
expect_exit 78 'trains another model than moe.json' pretrain --model moe.json --data tokens.h5 $short --lr 0.01 -o run
expect_exit 73 'holds a run already: give --resume auto' pretrain $tiny --lr 0.01 -o run --resume never
cp -r run damaged
printf '\377' | dd of=damaged/step-00000006/part-00000.h5 bs=1 seek="$(($(wc -c <run/step-00000006/part-00000.h5) / 2))" conv=notrunc 2>/dev/null
expect_exit 65 'part-00000.h5' pretrain $tiny --lr 0.01 -o damaged
rm damaged/step-00000006/part-00000.h5
expect_exit 66 'part-00000.h5' pretrain $tiny --lr 0.01 -o damaged
rm damaged/step-00000006/index.h5
expect_exit 66 'index.h5' pretrain $tiny --lr 0.01 -o damaged
expect_no_file x
}
