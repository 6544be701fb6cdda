#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tokenize encode and train interrupted: killed at any moment or stopped by TERM, the same command ends with the same
# bytes.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

mkdir docs
seq 100000 | sed 's/$/ is a number of a document that has many of them/' >numbers
for copy in $(seq 8); do
  sed "s/number/number of copy $copy/" numbers | split -l 10000 --additional-suffix=.txt - "docs/$copy-"
done
expect_exit 0 '' shard docs -o corpus.h5 --near-duplicates keep --repeated-passages keep
head -n 20000 numbers | tokenize train - --vocab-size 400 -o tokenizer.json >train.out 2>&1
encode() { tokenize encode corpus.h5 --tokenizer tokenizer.json --no-provenance "$@"; }
expect_exit 0 '' encode -o whole.h5
expect_no_file whole.h5.work

for threads in 1 2; do
  rm -rf killed.h5 killed.h5.work
  for seconds in 0.05 0.3 0.6; do
    [ ! -e killed.h5 ] || continue
    tokenize encode corpus.h5 --tokenizer tokenizer.json --no-provenance -o killed.h5 -j $threads >killed.out 2>&1 &
    tool=$!
    sleep $seconds
    kill -9 $tool 2>/dev/null
    wait $tool 2>/dev/null
  done
  if [ ! -e killed.h5 ]; then  # else killed when the output was complete: then the work folder may be there still
    expect_exit 0 '' encode -o killed.h5 -j $threads
    expect_no_file killed.h5.work
  fi
  expect_same whole.h5 killed.h5
  expect_no_file killed.h5.partial
done

# TERM: what was encoded is kept, and counts.
tokenize encode corpus.h5 --tokenizer tokenizer.json --no-provenance -o stopped.h5 -j 1 >stopped.out 2>stopped.err &
tool=$!
while [ ! -e stopped.h5.work/000000.ids.partial ] && kill -0 $tool 2>/dev/null; do sleep 0.01; done
kill -TERM $tool 2>/dev/null
code=0
wait $tool || code=$?
expect "stopped: 75, not $code" [ "$code" -eq 75 ]
expect "says how to go on" grep -q 'stopped by a signal; .* the same command goes on from there' stopped.err
expect_exit 78 "an interrupted run with another 'special-tokens' is there" encode -o stopped.h5 --special-tokens parse
expect_exit 0 'going on behind [0-9]+ blocks' encode -o stopped.h5 --resume must
expect_same whole.h5 stopped.h5
expect_no_file stopped.h5.work

# The same of train, which keeps its counts.
train() { tokenize train corpus.h5 --vocab-size 1500 "$@"; }
expect_exit 0 '' train -o whole/
expect_no_file whole/tokenizer.json.work
for threads in 1 2; do
  rm -rf killed
  mkdir killed
  for seconds in 0.05 0.3; do
    [ ! -e killed/tokenizer.json ] || continue
    tokenize train corpus.h5 --vocab-size 1500 -o killed -j $threads >killed.out 2>&1 &
    tool=$!
    sleep $seconds
    kill -9 $tool 2>/dev/null
    wait $tool 2>/dev/null
  done
  [ -e killed/tokenizer.json ] || expect_exit 0 '' train -o killed -j $threads
  expect_same whole/tokenizer.json killed/tokenizer.json
done
mkdir stopped
tokenize train corpus.h5 --vocab-size 1500 -o stopped -j 1 >stopped.out 2>stopped.err &
tool=$!
while [ ! -e stopped/tokenizer.json.work/plan.json ] && kill -0 $tool 2>/dev/null; do sleep 0.01; done
kill -TERM $tool 2>/dev/null
code=0
wait $tool || code=$?
expect "stopped: 75, not $code" [ "$code" -eq 75 ]
expect "says how to go on" grep -q 'stopped by a signal; .* the same command goes on from there' stopped.err
expect_exit 78 "an interrupted run with another 'pretokenizer' is there" train -o stopped --pretokenizer gpt2
expect_exit 0 'going on behind [0-9]+ blocks' train -o stopped --resume must
expect_same whole/tokenizer.json stopped/tokenizer.json
expect_no_file stopped/tokenizer.json.work
expect_exit 66 'no interrupted run' train -o absent/ --resume must
