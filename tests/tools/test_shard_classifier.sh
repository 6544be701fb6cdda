#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A classifier from training to use: the same bytes whatever the threads, scores as attributes, what it refuses.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

# 60 documents of each kind; the words of both are alike but for a few.
for i in $(seq 60); do
  w=$(echo "$i" | tr 0-9 a-j)
  echo "{\"text\": \"A note on the garden $w: we water the roses, prune the hedge $w and read about soil in the evening.\"}" >>good.jsonl
  echo "{\"text\": \"Buy the garden $w now: cheap roses, click the hedge $w and win a prize on the page in the evening.\"}" >>bad.jsonl
done
expect_exit 0 '' shard train-classifier good.jsonl --against bad.jsonl -o a.clf --threads 1 --no-provenance
expect_stdout '^trained on [45][0-9] good and [45][0-9] bad documents; of [0-9]+ and [0-9]+ held out 100.0 % are told right, AUC 1.0000'
expect_stdout '^ +0.5 +100.0 +0.0'
expect_exit 0 '' shard train-classifier good.jsonl --against bad.jsonl -o b.clf --threads 2 --no-provenance
expect_same a.clf b.clf
expect_exit 0 '' shard bad.jsonl -o bad.h5 --near-duplicates keep --quality none --repeated-passages keep
expect_exit 0 '' shard train-classifier good.jsonl --against bad.h5 -o c.clf --json
expect_stdout '"schema":"hearth.classifier/1"'

cat good.jsonl bad.jsonl >both.jsonl
plain='--near-duplicates keep --quality none --repeated-passages keep --min-chars 10'
# shellcheck disable=SC2086
expect_exit 0 '' shard both.jsonl -o kept.h5 --classifier a.clf $plain --html report.html
expect_stdout '^ +classifier-low +60 '
expect_stdout '^kept +60 '
expect_stdout '^classifier, documents: 0.[0-9] to [01].[0-9] in [0-9]+'
expect "the report has the bands of scores" grep -q 'classifier: what it found' report.html
expect_exit 0 '' shard cat kept.h5 --limit 1
expect_stdout '"attributes":\{.*"quality_score":0.[5-9]'
expect_exit 0 '' shard cat kept.h5 --rejected --limit 1
expect_stdout '"reason":"classifier-low","detail":"score 0.[0-4][0-9]*; at least 0.500 is wanted"'
# shellcheck disable=SC2086
expect_exit 0 '' shard both.jsonl -o tagged.h5 --classifier a.clf --quality-action tag $plain
expect_stdout '^kept +120 '
expect_exit 0 '' shard train-classifier good.jsonl --against bad.jsonl -o code.clf --scope code
# shellcheck disable=SC2086
expect_exit 0 '' shard both.jsonl -o code.h5 --classifier code.clf $plain
expect_stdout '^kept +120 '

# Texts of both sides are left out: of good.jsonl against itself nothing remains.
expect_exit 65 'GOOD has 0 different documents' shard train-classifier good.jsonl --against good.jsonl -o x.clf
head -n 5 bad.jsonl >few.jsonl
expect_exit 65 '--against has 5 different documents' shard train-classifier good.jsonl --against few.jsonl -o x.clf
expect_exit 64 'against' shard train-classifier good.jsonl -o x.clf
expect_exit 66 'no-such.jsonl' shard train-classifier good.jsonl --against no-such.jsonl -o x.clf
expect_exit 73 'a.clf' shard train-classifier good.jsonl --against bad.jsonl -o a.clf
expect_exit 66 'no-such.clf' shard good.jsonl -o x.h5 --classifier no-such.clf
expect_exit 65 'holds documents; expected classifier' shard good.jsonl -o x.h5 --classifier bad.h5
expect_no_file x.clf
expect_no_file x.h5
expect_no_file x.h5.work
