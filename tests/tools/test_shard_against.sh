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
