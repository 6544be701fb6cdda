#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shard forget: the documents named are gone with their copies, the rest is unchanged, the certificate can be checked.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

text() { echo "This is document number $1, written so that it has enough characters to be kept."; }
mkdir -p docs/bob
text 1 >docs/a.txt
text 2 >docs/b.txt
text 1 >docs/copy.txt
text 3 >docs/bob/c.txt
text 3 | tr a-z A-Z >docs/loud.txt
echo short >docs/short.txt
expect_exit 0 'wrote corpus.h5' shard docs -o corpus.h5 --near-duplicates keep
expect_exit 0 '' shard cat corpus.h5
cp "$out" before
id() { sed -n "s/.*\"id\":\"\([^\"]*\)\",\"source\":\"$1\".*/\1/p" before; }
{ id 'docs\/a.txt'; echo 00000000000000000000000000000000; } >ids

expect_exit 0 '1 ids were not found' shard forget corpus.h5 --ids ids -o clean.h5
expect_stdout 'forgot 2 of 6'
expect_exit 0 '' shard cat clean.h5
grep -v 'number 1' before | cmp - "$out" || fail "what stays is changed"
expect_exit 0 '' shard cat clean.h5 --rejected
if grep -q 'number 1' "$out"; then fail "the copy among the rejected is there still"; fi
expect_stdout 'short'
expect_exit 0 '' shard forget clean.h5 --check clean.h5.forgotten.json
expect_stdout 'as the certificate says; 2 documents'
expect_exit 1 '' shard forget corpus.h5 --check clean.h5.forgotten.json
expect_stdout '2 forgotten documents are in it'

expect_exit 0 '1 documents that stay differ' shard forget corpus.h5 --source 'docs/bob/*' -o other.h5
expect_exit 1 '' shard forget other.h5 --check clean.h5.forgotten.json
grep -q 'docs/loud.txt' other.h5.forgotten.json || fail "the certificate names the near copy"

echo nothing >none
echo '{}' >before.json
expect_exit 65 'no document has one of the ids' shard forget corpus.h5 --ids none -o x.h5
expect_exit 65 'no document would be left' shard forget corpus.h5 --source '*' -o x.h5
expect_exit 64 'nothing to forget is named' shard forget corpus.h5 -o x.h5
expect_exit 64 '\-o FILE is missing' shard forget corpus.h5 --ids ids
expect_exit 65 'not a certificate' shard forget corpus.h5 --check before.json
[ ! -e x.h5 ] || fail "a failed run leaves x.h5"
