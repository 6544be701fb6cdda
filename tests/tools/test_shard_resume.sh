#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shard interrupted: killed at any moment or stopped by TERM, the same command ends with the same bytes; what does not
# fit the work folder is refused by name; nothing of a finished run is left.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

# Enough text for a segment of 64 MiB and the beginning of another.
mkdir docs
seq 100000 | sed 's/$/ is a number of a document that has many of them/' >numbers
for copy in $(seq 18); do
  sed "s/number/number of copy $copy/" numbers | split -l 10000 --additional-suffix=.txt - "docs/$copy-"
done
expect_exit 0 '' shard docs -o whole.h5 --no-provenance --seed 3 --near-duplicates tag
expect_no_file whole.h5.work

# kill_after SECONDS OUTPUT THREADS: runs shard and kills it by -9.
kill_after() {
  shard docs -o "$2" -j "$3" --no-provenance --seed 3 --near-duplicates tag >killed.out 2>&1 &
  tool=$!
  sleep "$1"
  kill -9 $tool 2>/dev/null
  wait $tool 2>/dev/null
}

for threads in 1 2; do
  rm -rf killed.h5 killed.h5.work
  for seconds in 0.1 0.5 0.9; do
    [ -e killed.h5 ] || kill_after $seconds killed.h5 $threads
    expect "the work folder or the output is there" [ -e killed.h5.work -o -e killed.h5 ]
  done
  if [ ! -e killed.h5 ]; then  # else killed when the output was complete: then the work folder may be there still
    expect_exit 0 '' shard docs -o killed.h5 -j $threads --no-provenance --seed 3 --near-duplicates tag --resume must
    expect_no_file killed.h5.work
  fi
  expect_same whole.h5 killed.h5
  expect_no_file killed.h5.partial
done

# TERM: what was read is kept, the exit code says so, the same command goes on.
shard docs -o stopped.h5 --no-provenance --seed 3 --near-duplicates tag >stopped.out 2>stopped.err &
tool=$!
while [ ! -e stopped.h5.work/000000.json ] && kill -0 $tool 2>/dev/null; do sleep 0.02; done
kill -TERM $tool 2>/dev/null
code=0
wait $tool || code=$?
expect "stopped: 75, not $code" [ "$code" -eq 75 ]
expect "says how to go on" grep -q 'stopped by a signal: .* the same command goes on from there' stopped.err
cp -r stopped.h5.work other.h5.work

# Another seed, other inputs, another plan: refused, and nothing is lost.
expect_exit 78 "an interrupted run with another 'seed' is there" shard docs -o stopped.h5 --no-provenance --seed 4 --near-duplicates tag
expect_exit 78 "another 'INPUT'" shard docs docs -o stopped.h5 --no-provenance --seed 3 --near-duplicates tag
expect_exit 66 'nothing.h5.work: no interrupted run' shard docs -o nothing.h5 --resume must
expect_no_file nothing.h5.work
# Another memory is no other plan: a run that had too little goes on with more.
expect_exit 0 'going on behind [0-9]+ documents' shard docs -o stopped.h5 --no-provenance --seed 3 --near-duplicates tag --dedup-memory 100M
expect_same whole.h5 stopped.h5

# Killed between completing the output and removing the folder: the same command sees that, and removes what is left.
mkdir stopped.h5.work && cp other.h5.work/plan.json stopped.h5.work/finished.json && touch stopped.h5.work/000000.rows
expect_exit 73 'stopped.h5: exists already' shard docs -o stopped.h5 --no-provenance --seed 4 --near-duplicates tag
expect_exit 0 'stopped.h5 is complete' shard docs -o stopped.h5 --no-provenance --seed 3 --near-duplicates tag --json
expect_stdout '"statistics":{'
expect_no_file stopped.h5.work
expect_same whole.h5 stopped.h5
expect_exit 73 'stopped.h5: exists already' shard docs -o stopped.h5 --no-provenance --seed 3 --near-duplicates tag

# The inputs changed meanwhile.
first=$(ls docs | head -n 1)
sed 's/document/tnemucod/' "docs/$first" >changed && mv changed "docs/$first"  # as many bytes as before
expect_exit 65 'the inputs differ from those that the interrupted run in other.h5.work has read' \
  shard docs -o other.h5 --no-provenance --seed 3 --near-duplicates tag
expect_no_file other.h5

# A folder of somebody else's.
mkdir foreign.h5.work && echo precious >foreign.h5.work/thesis.txt
expect_exit 73 'foreign.h5.work: is needed to work in, but holds other things' shard docs -o foreign.h5 --resume never
expect "it is not touched" grep -q precious foreign.h5.work/thesis.txt
