#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shard on archives, mail and the worse things a folder may hold: sources, reasons, bounded memory, any number of threads.
# shellcheck disable=SC2016
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

words() { echo "This is document number $1, written so that it has enough characters to be kept."; }

mkdir -p docs/mail/cur tree/sub
words 1 >tree/a.txt
words 2 >tree/sub/b.md
words 3 | gzip >tree/c.txt.gz
printf '{"text":"%s"}\n{"text":"%s"}\n' "$(words 4)" "$(words 5)" >tree/r.jsonl
ln -s a.txt tree/link
tar -czf docs/t.tar.gz -C tree .
tar -cf inner.tar -C tree a.txt sub
words 6 >outer.txt
tar -cf docs/nested.tar inner.tar outer.txt
cp "$HEARTH_SOURCE"/tests/golden/mail/three.mbox "$HEARTH_SOURCE"/tests/golden/mail/attachments.eml docs/
cp "$HEARTH_SOURCE"/tests/golden/mail/reply.eml docs/mail/cur/1583000.M1P2.host:2,S
head -c 100 docs/t.tar.gz >docs/cut.tar.gz

expect_exit 0 '' shard docs -o one.h5 -j 1 --no-provenance --min-chars 10
expect_exit 0 '' shard docs -o many.h5 -j 5 --no-provenance --min-chars 10
expect_same one.h5 many.h5
expect_exit 0 '' shard cat one.h5
for source in 't.tar.gz!/r.jsonl#2' 't.tar.gz!/c.txt.gz' 'nested.tar!/outer.txt' 'nested.tar!/inner.tar!/sub/b.md' \
  'three.mbox#3' 'attachments.eml!/notes für alle.txt' 'mail/cur/1583000.M1P2.host:2,S'; do
  shard cat one.h5 >all && shard cat one.h5 --rejected >>all
  expect "$source is there" grep -qF "\"source\":\"docs/$source\"" all
done
expect_stdout '"type":"mail".*"in-reply-to":"<a@example.org>".*"text":"Subject: Re: Build\\n.*It is fixed now[.]\\n"'
expect_exit 0 '' shard cat one.h5 --rejected
expect_stdout '"source":"docs/t.tar.gz!/link".*"reason":"archive-link"'
expect_stdout '"source":"docs/cut.tar.gz.*"reason":"damaged"'
expect_exit 0 '' shard docs -o shallow.h5 --max-depth 1
expect_stdout 'nested-too-deep +3 '
head -c 80000000 /dev/zero >zeros.txt
tar -czf zeros.tar.gz zeros.txt tree/a.txt
expect_exit 65 '1 archive-bomb' shard zeros.tar.gz -o x.h5 --max-archive-bytes 1M

# Names that are not UTF-8, loops, a document of ten gigabytes, a path too long, a file that says it is empty.
mkdir -p worse/loop
words 7 >worse/good.txt
words 8 >"worse/$(printf 'caf\351 100%%').txt"
ln -s ../loop worse/loop/again
truncate -s 10G worse/sparse.txt
(head -c 100000 /dev/zero | tr '\0' 'a' && truncate -s 10G /dev/stdout) >worse/letters.txt
mkfifo worse/fifo
(
  cd worse || exit
  name=$(head -c 200 /dev/zero | tr '\0' 'd')
  i=0
  while [ $i -lt 25 ]; do
    mkdir "$name" && cd -P "$name" || break
    i=$((i + 1))
  done
)
expect_exit 0 '' sh -c 'ulimit -v 1000000 && shard worse -o worse.h5 -j 1 --json'
memory=$(sed -n 's/.*"peak_memory_bytes":\([0-9]*\).*/\1/p' "$out")
expect "300 MB for a document of 10 GB, not $memory" [ "$memory" -lt 300000000 ]
expect_exit 0 '' shard cat worse.h5
expect_stdout '"source":"worse/caf%E9 100%25.txt"'
expect_exit 0 '' shard cat worse.h5 --rejected
expect_stdout '"source":"worse/sparse.txt".*"reason":"not-text"'
expect_stdout '"source":"worse/letters.txt".*"reason":"too-large"'
expect_stdout '"reason":"path-too-long"'
if [ -s /proc/cpuinfo ] || grep -q . /proc/cpuinfo; then
  expect_exit 65 '1 special-file' shard /proc/cpuinfo -o x.h5
fi

# A link that leads to itself.
ln -s changes-loop changes-loop
printf 'changes-loop\nworse/good.txt\n' | shard - -o loop.h5 >"$out" 2>"$err" || fail "a looping link in a list"
expect_stdout 'unreadable +1 '
