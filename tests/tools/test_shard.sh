#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shard on good input: what is kept and what is not, ids and splits, any number of threads, lists, records, cat.
# shellcheck disable=SC2016
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

words() { # N: a sentence of its own, long enough to be kept, and no near-duplicate of another number's
  w=$(echo "$1" | tr 0-9 a-j)
  echo "This is document number $1, one$w two$w three$w four$w five$w six$w seven$w eight$w nine$w ten$w written so that it has enough characters to be kept."
}
# The number of a "name": {"documents": N in the JSON of the last command.
documents() { sed -n "s/.*\"$1\":{\"documents\":\([0-9]*\).*/\1/p" "$out"; }
expect_documents() {
  got=$(documents "$1")
  [ "$got" = "$2" ] || fail "$1: $got documents, wanted $2"
}

mkdir -p docs/sub docs/.git docs/node_modules docs/sub/deep
words 1 >docs/a.txt
words 2 | gzip >docs/b.txt.gz
printf '# Title\n\n%s\n' "$(words 3)" >docs/c.md
printf '<html><title>Head - Site</title><nav><p>menu</p></nav><h1>Head</h1><p>%s</p></html>' "$(words 4)" >docs/d.html
printf '// SPDX-License-Identifier: MIT\nint main() {\n\treturn 0; // %s\n}\n' "$(words 5)" >docs/sub/e.c
printf '#!/usr/bin/env python3\nprint("%s")\n' "$(words 6)" >docs/sub/run
words 1 >docs/z-copy.txt
echo short >docs/short.txt
printf '\177ELF\002\001\001\000\000\000\000\000' >docs/program
printf 'caf\351 %s\r\n' "$(words 7)" >docs/sub/latin.txt
words 8 >docs/.git/config
words 9 >docs/node_modules/x.js
words 10 >docs/.hidden
ln -s . docs/loop
ln -s a.txt docs/link.txt
mkfifo docs/pipe

expect_exit 0 'wrote corpus.h5: .* seed 1' shard docs -o corpus.h5
cat >golden <<'GOLDEN'
                   documents   MiB  % of read
read                      10  0.00      100.0
  not-text                 1  0.00       10.0
  too-short                1  0.00       10.0
  duplicate-exact          1  0.00       10.0
kept                       7  0.00       70.0
  train                    7  0.00       70.0
  validation               0  0.00        0.0
  test                     0  0.00        0.0
  code                     2  0.00       20.0
    c                      1  0.00       10.0
    python                 1  0.00       10.0
  html                     1  0.00       10.0
  markdown                 1  0.00       10.0
  text                     3  0.00       30.0
repaired: 1 from windows-1252, 1 with other line ends
passed by: 3 hidden, 2 symbolic links, 1 special files
GOLDEN
expect_golden golden

expect_exit 0 '' shard cat corpus.h5
expect "seven documents" [ "$(wc -l <"$out")" -eq 7 ]
expect_stdout '"source":"docs/a.txt","type":"text","language":"","license":"","split":"train","attributes":\{"lang":"en","lang_score":0.99\},"text":"This is document number 1,'
expect_stdout '"source":"docs/b.txt.gz".*number 2'
expect_stdout '"source":"docs/d.html","type":"html".*"text":"# Head\\n\\nThis is document number 4, .*kept.\\n"'
expect_stdout '"source":"docs/sub/e.c","type":"code","language":"c","license":"MIT".*\{\\n\\treturn 0;'
expect_stdout '"source":"docs/sub/run","type":"code","language":"python"'
expect_stdout '"source":"docs/sub/latin.txt".*"encoding":"windows-1252".*"text":"café .*kept\.\\n"'
expect_no_stdout 'number (8|9|10),|menu'
first_id=$(sed -n 's/.*"id":"\([0-9a-f]*\)","source":"docs\/a.txt".*/\1/p' "$out")
expect_exit 0 '' shard cat corpus.h5 --rejected
expect "three rejected" [ "$(wc -l <"$out")" -eq 3 ]
expect_stdout '"source":"docs/short.txt".*"reason":"too-short","detail":"5 characters; at least 50 are wanted","attributes":{.*},"text":"short\\n"'
expect_stdout '"source":"docs/program".*"reason":"not-text"'
expect_stdout "\"source\":\"docs/z-copy.txt\".*\"reason\":\"duplicate-exact\",\"detail\":\"of $first_id\""

# The same bytes for one thread and many, under another root, from a list in the same order; other bytes for another seed.
expect_exit 0 '' shard docs -o one.h5 -j 1 --no-provenance
expect_exit 0 '' shard docs/ -o many.h5 -j 7 --no-provenance
expect_same one.h5 many.h5
mkdir elsewhere && cp -r docs elsewhere/ && rm elsewhere/docs/pipe && mkfifo elsewhere/docs/pipe
expect_exit 0 '' shard "$work/elsewhere/docs" -o absolute.h5 --no-provenance
expect_same one.h5 absolute.h5
expect_exit 0 '' shard --files-from - -o list.h5 --json <<'LIST'
docs/a.txt

docs/sub
docs/not-there.txt
LIST
expect_documents read 5
expect_documents missing 1
expect_exit 0 '' shard cat list.h5
expect_stdout '"source":"docs/sub/run"'
expect_exit 0 '' sh -c 'echo docs/a.txt | shard - -o dash.h5'

# Every document that was read is in the file, kept or rejected.
mkdir records
printf '{"text":"%s"}\n{"text":1}\n{}\nno\n' "$(words 77)" >records/a.jsonl
head -c 5000 /dev/urandom >many.txt
expect_exit 0 '' shard docs many.txt records -o all.h5 --json --min-chars 60 --near-duplicates keep
read=$(documents read)
expect "read $read, kept and rejected differ" [ "$read" -eq $(($(documents kept) + $(sed -n 's/.*"kept":{[^}]*},"rejected":{"documents":\([0-9]*\).*/\1/p' "$out"))) ]
shard cat all.h5 >all && shard cat all.h5 --rejected >>all
expect "$read documents in the file" [ "$(wc -l <all)" -eq "$read" ]
expect "each with an id" [ "$(grep -c '^{"id":"[0-9a-f]\{32\}"' all)" -eq "$read" ]

# Splits: nothing lost, nothing in two, the same again, other with another seed.
mkdir many
i=0
while [ $i -lt 300 ]; do
  words "$i" >"many/$i.txt"
  i=$((i + 1))
done
expect_exit 0 '' shard many -o many.h5 -f --json --validation-fraction 0.2 --test-fraction 0.1
expect_documents kept 300
n=$(($(documents train) + $(documents validation) + $(documents test)))
expect "300 in the splits, not $n" [ "$n" -eq 300 ]
expect "about a fifth for validation, not $(documents validation)" [ "$(documents validation)" -gt 30 ]
validation=$(documents validation)
expect_exit 0 '' shard cat many.h5 --split validation
expect "--split shows that split" [ "$(wc -l <"$out")" -eq "$validation" ]
cp "$out" first
expect_exit 0 '' shard many -o again.h5 --validation-fraction 0.2 --test-fraction 0.1 -j 1
expect_exit 0 '' shard cat again.h5 --split validation
expect_same first "$out"
expect_exit 0 'seed 2' shard many -o again.h5 -f --validation-fraction 0.2 --test-fraction 0.1 --seed 2
expect_exit 0 '' shard cat again.h5 --split validation
expect "another seed, another split" sh -c '! cmp -s first "$1"' sh "$out"

# Records: fields, ids, places; broken lines named, counted, skipped.
{
  printf '{"text":"%s","id":"k1","n":1}\n' "$(words 1)"
  printf '{"text":"%s"\n' "$(words 2)"
  printf '\n{"body":"%s"}\n' "$(words 3)"
  printf '{"text":"%s","id":"k2"}\n' "$(words 1)"
  printf '{"text":"%s","id":"k3"}' "$(words 4)"
} | gzip >records.jsonl.gz
expect_exit 0 '2 broken lines are skipped, the first: records.jsonl.gz:2: column ' shard records.jsonl.gz -o records.h5 --json --id-field id
expect_documents read 5
expect_documents kept 2
expect_documents bad-json 1
expect_documents no-text-field 1
expect_documents duplicate-exact 1
expect_exit 0 '' shard cat records.h5
expect_stdout '"id":"k1","source":"records.jsonl.gz#1","type":"jsonl".*"attributes":\{"n":1,"lang":"en"'
expect_stdout '"id":"k3","source":"records.jsonl.gz#6"'
expect_exit 0 '' shard cat records.h5 --rejected
expect_stdout '"id":"k2","source":"records.jsonl.gz#5".*"detail":"of k1"'
expect_exit 0 '' shard records.jsonl.gz -o body.h5 --text-field body --json
expect_documents kept 1

# A line of a gigabyte is one rejected document, within bounded memory.
head -c 10000000 /dev/zero | tr '\0' a | gzip -1 >member
i=0
{
  words 1 | sed 's/.*/{"text":"&"}/' | gzip
  while [ $i -lt 108 ]; do
    cat member
    i=$((i + 1))
  done
  printf '\n{"text":"%s"}\n' "$(words 2)" | gzip
} >long.jsonl.gz
expect_exit 0 '' shard long.jsonl.gz -o long.h5 --json -j 2
expect_documents kept 2
expect_documents too-large 1
memory=$(sed -n 's/.*"peak_memory_bytes":\([0-9]*\).*/\1/p' "$out")
expect "a gigabyte's line takes $memory bytes" [ "$memory" -lt 200000000 ]
expect_exit 0 '' shard cat long.h5 --rejected
expect_stdout '"source":"long.jsonl.gz#2".*"detail":"1.01 GiB; at most 16 MiB \(--max-document-bytes\)"'
expect_exit 0 '' shard docs -o small.h5 --max-document-bytes 200 --json
expect "documents over the limit are rejected" [ "$(documents too-large)" -ge 1 ]

# cat: limits, statistics, a closed pipe; the file named cat; nothing written by --dry-run.
expect_exit 0 '' shard cat many.h5 --limit 3
expect "--limit" [ "$(wc -l <"$out")" -eq 3 ]
expect_exit 0 '' shard cat corpus.h5 --stats
expect_stdout '"duplicate-exact": \{'
expect_exit 0 '' sh -c 'shard cat many.h5 | head -n 1'
expect_no_stderr '.'
expect_exit 0 '' sh -c 'cp docs/a.txt cat && shard ./cat -o named.h5'
expect_exit 0 '' shard docs -o plan.h5 --dry-run
expect_stdout 'text \(by name\) +7 '
expect_stdout 'stages: privacy, license, length, language, quality, duplicate-exact, duplicate-near, repeated'
expect_stdout 'would write plan.h5'
expect_no_file plan.h5
expect_exit 0 '' shard --help
expect_stdout 'shard cat FILE'
expect_exit 0 '' shard cat --help
expect_stdout 'rejected'
