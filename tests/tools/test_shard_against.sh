#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A new delivery beside an existing corpus, and the report page.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

words() {
  w=$(echo "$1" | tr 0-9 a-j)
  echo "This is document number $1, one$w two$w three$w four$w five$w six$w seven$w eight$w nine$w ten$w written so that it has enough characters to be kept."
}
mkdir first second
words 1 >first/a.txt
words 2 >first/b.txt
words 2 >second/again.txt
words 3 >second/new.txt
echo short >second/short.txt
expect_exit 0 '' shard first -o first.h5
id=$(shard cat first.h5 | sed -n 's/.*"id":"\([0-9a-f]*\)","source":"first\/b.txt".*/\1/p')
expect_exit 0 '' shard second -o second.h5 --against first.h5 --html report.html
expect_stdout 'duplicate-exact +1 '
expect_stdout 'kept +1 '
expect_exit 0 '' shard cat second.h5
expect_stdout '"source":"second/new.txt"'
expect "one document" [ "$(wc -l <"$out")" -eq 1 ]
expect_exit 0 '' shard cat second.h5 --rejected
expect_stdout "\"source\":\"second/again.txt\".*\"detail\":\"of $id\""
expect_exit 66 'no-such.h5: No such file' shard second -o x.h5 --against no-such.h5
expect_exit 65 'again.txt' shard second -o x.h5 --against second/again.txt
expect_no_file x.h5
expect_no_file x.h5.work

for text in '<b>duplicate-exact</b>' 'rejected: too-short' 'document number 3' 'second/short.txt' '1 documents' '<html lang="en">'; do
  expect "the report holds $text" grep -qF "$text" report.html
done
expect "no scripts, no network" sh -c '! grep -qiE "<script|http://|https://|src=" report.html'

# Near-duplicates that stay follow the split of what they resemble in the corpus they are to stand beside.
mkdir held fresh
for i in 1 2 3 4 5 6 7 8; do
  words "$i" >held/$i.txt
  { words "$i"; echo "Revised."; } >fresh/$i.txt
done
plain='--near-threshold 0.5 --quality none --repeated-passages keep'
# shellcheck disable=SC2086
expect_exit 0 '' shard held -o held.h5 --test-fraction 0.5 --near-duplicates keep $plain
# shellcheck disable=SC2086
expect_exit 0 '' shard fresh -o fresh.h5 --test-fraction 0.2 --seed 7 --near-duplicates tag --against held.h5 $plain
splits() { shard cat "$1" | sed -n 's/.*"source":"[a-z]*\/\([0-9]\).txt".*"split":"\([a-z]*\)".*/\1 \2/p' | sort; }
splits held.h5 >of_held
splits fresh.h5 >of_fresh
expect "eight revised texts, marked" [ "$(shard cat fresh.h5 | grep -c near_duplicate_of)" -eq 8 ]
expect "both splits are there" [ "$(cut -d ' ' -f 2 of_held | sort -u | wc -l)" -gt 1 ]
expect "the splits are the old ones" cmp -s of_held of_fresh

# Items of suites that were found are counted, also of documents that were rejected.
words 3 >suite.txt
echo "No one has a text that holds this line of nine words and more of them." >>suite.txt
expect_exit 0 '' shard fresh -o clean.h5 --near-duplicates keep --decontaminate suite.txt --html found.html
expect_stdout '^decontaminate, documents: suite.txt:1 in 1$'
expect "statistics tell the item and the document" sh -c \
  'shard cat clean.h5 --stats | tr -d " \n" | grep -qE "\"suite.txt:1\":\{\"documents\":1,\"number\":[0-9]+,\"first_documents\":\[\"[0-9a-f]+\"\]"'
expect "so does the report" grep -q 'decontaminate: what it found' found.html
