#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shard --dedup-memory: a budget so small that everything is sorted in many pieces gives the same bytes, for any number
# of threads, of what is rejected, tagged, cut and held out; also over several deliveries.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
command -v python3 >/dev/null || skip "no python3"

python3 "$HEARTH_SOURCE/tests/bench/many_documents.py" 20000 30 >many.jsonl
python3 "$HEARTH_SOURCE/tests/bench/many_documents.py" 2000 30 2 >old.jsonl
sed -n '1,300p' many.jsonl >>old.jsonl
expect_exit 0 '' shard old.jsonl -o old.h5 -q --quality none
for how in '' '--near-duplicates tag --near-keep longest --common-lines cut' '--against old.h5 --repeated-tokens 12'; do
  # shellcheck disable=SC2086
  {
    expect_exit 0 '' shard many.jsonl -o much.h5 -q --no-provenance --quality none --overwrite $how
    expect_exit 0 '' shard many.jsonl -o little.h5 -q --no-provenance --quality none --overwrite --dedup-memory 1M -j 1 $how
  }
  expect_same much.h5 little.h5
done
shard cat much.h5 --stats >stats
for found in '"duplicate-exact": {' '"duplicate-near": {' '"cut_tokens": [1-9]'; do
  expect "there is $found" grep -q "$found" stats
done
expect_exit 0 "" shard many.jsonl -o none.h5 --dry-run
expect_stdout "at most .* of memory, and 2 bytes a document"
[ "$failures" -eq 0 ]
