#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shard's rules on quality and its languages: reasons, thresholds, tags, wrong names, any number of threads.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

mkdir docs
echo 'The printer in the hall needs paper, and the key to the cupboard hangs behind the door of the kitchen.' >docs/good.txt
echo 'Der Drucker im Flur braucht Papier, und der Schlüssel zum Schrank hängt hinter der Tür der Küche.' >docs/german.txt
yes 'true false' | head -n 40 >docs/repeated.txt
seq -s , 1 200 | sed 's/,/, /g' >docs/numbers.csv
{ printf 'const char* data = "'; head -c 3000 /dev/zero | tr '\0' A; echo '";'; } >docs/data.c

expect_exit 0 '' shard docs -o default.h5 --threads 1 --no-provenance
expect_stdout '^ +gopher-top-2-gram +1 '
expect_stdout '^ +gopher-few-letters +1 '
expect_stdout '^ +code-mean-line +1 '
expect_stdout '^kept +2 '
expect_exit 0 '' shard docs -o again.h5 --threads 2 --no-provenance
expect_same default.h5 again.h5
expect_exit 0 '' shard cat default.h5
expect_stdout '"source":"docs/german.txt".*"lang":"de"'
expect_exit 0 '' shard cat default.h5 --rejected
expect_stdout '"reason":"code-mean-line","detail":"3.02e\+03; at most 300 is wanted'

expect_exit 0 '' shard docs -o none.h5 --quality none --languages de,fr
expect_stdout '^ +other-language +1 '
expect_stdout '^kept +4 '
expect_exit 0 '' shard docs -o tagged.h5 --quality gopher --quality code --quality-action tag
expect_stdout '^kept +5 '
expect_exit 0 '' shard cat tagged.h5
expect_stdout '"source":"docs/good.txt".*"broken_rules":\["gopher-top-4-gram","gopher-few-words"\]'
expect_exit 0 '' shard docs -o changed.h5 --quality none --rule gopher-few-words=10 --rule gopher-few-words=30
expect_stdout '^ +gopher-few-words +2 '

expect_exit 64 "--rule 'gopher-few-word' is unknown: did you mean 'gopher-few-words'" shard docs -o x.h5 --rule gopher-few-word=3
expect_exit 64 'expects NAME=NUMBER or NAME=off' shard docs -o x.h5 --rule gopher-few-words=many
expect_exit 64 '' shard docs -o x.h5 --quality gophr
expect_exit 64 "'xq' is no language code" shard docs -o x.h5 --languages en,xq
expect_no_file x.h5
expect_exit 0 '' shard rules
expect_stdout '^gopher-short-words +at least 3 +prose +Gopher'
