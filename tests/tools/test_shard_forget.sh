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

# A file of a packed repository goes alone: the rest is packed as if it had never been there.
mkdir -p code/app && cp -r code more
for name in one two three; do
  printf 'def %s():\n    return "the function that is called %s, and is long enough to stay"\n' $name $name >code/app/$name.py
  [ $name = two ] || cp code/app/$name.py more/app/$name.py
done
cp code/app/two.py code/app/zwei.py
printf 'def TWO():\n    return "The function that is called two, and is long enough to stay"\n' >code/app/loud.py
cp code/app/loud.py more/app/loud.py
plain="--code repo --quality none --near-duplicates keep --repeated-passages keep --privacy all=keep --no-provenance"
expect_exit 0 '' shard code -o packed.h5 $plain
expect_exit 0 '' shard cat packed.h5
two=$(grep -o '"path":"app/two.py"[^{}]*"id":"[^"]*"' "$out" | sed 's/.*"id":"\([^"]*\)"/\1/')
echo "$two" >file.ids
expect_exit 0 'differ from forgotten ones' shard forget packed.h5 --ids file.ids -o without.h5
expect_stdout 'forgot 1 of 2 documents and rejected ones and 1 files of packed repositories'
expect "the file and where it was" grep -q '"source": "code/app/two.py"' without.h5.forgotten.json
expect "the loud copy is named" grep -q '"source": "code/app/loud.py"' without.h5.forgotten.json
expect_exit 0 '' shard cat without.h5
expect "nothing of it is left" [ "$(grep -c 'the function that is called two' "$out")" -eq 0 ]
sed 's/"id":"[^"]*","source"/"source"/; s/"split":"[^"]*"//' "$out" >left
mv more/app other && rm -r code && mkdir code && mv other code/app
expect_exit 0 '' shard code -o never.h5 $plain
expect_exit 0 '' shard cat never.h5
sed 's/"id":"[^"]*","source"/"source"/; s/"split":"[^"]*"//' "$out" | cmp - left || fail "not what packing without it gives"
expect_exit 0 '' shard forget without.h5 --check without.h5.forgotten.json
expect_exit 1 '' shard forget packed.h5 --check without.h5.forgotten.json
expect_stdout '2 forgotten documents are in it'
expect_exit 0 '' shard forget packed.h5 --source 'code/app/t*.py' -o fewer.h5
expect_stdout '2 files of packed repositories'
expect_exit 65 'no document would be left' shard forget packed.h5 --source 'code#1' -o x.h5

# A packed document that goes whole takes its files' names into the certificate: they are found where they come again.
mkdir -p gone/app
printf 'def alone():\n    return "a function that stands in no other repository, and is long enough to stay"\n' >gone/app/alone.py
expect_exit 0 '' shard code gone -o both.h5 $plain
expect_exit 0 '' shard forget both.h5 --source 'gone#1' -o rest.h5
expect "its file is named" grep -q '"source": "gone/app/alone.py"' rest.h5.forgotten.json
expect_exit 0 '' shard forget rest.h5 --check rest.h5.forgotten.json
expect_exit 0 '' shard gone -o alone.h5 ${plain#--code repo}
expect_exit 1 '' shard forget alone.h5 --check rest.h5.forgotten.json
