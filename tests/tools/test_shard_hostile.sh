#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Files made to hurt a run: bombs of all kinds, archives without end, pages that break their parser, what is no file.
# Each costs itself, with a reason of its own.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

words() { echo "This is document number $1, written so that it has enough characters to be kept."; }
reads() { shard "$@" --quality none --near-duplicates keep --repeated-passages keep --privacy all=keep; }

# Bombs. A member that is passed by counts, for it is unpacked all the same; so does what has no members.
mkdir bombs
head -c 300000000 /dev/zero >zeros
words 1 >a.txt
tar -czf bombs/skipped.tar.gz zeros a.txt
tar -cf - zeros | xz -0 >bombs/skipped.tar.xz
gzip -c zeros >bombs/text.txt.gz
xz -0c zeros >bombs/records.jsonl.xz
xz -0c zeros >bombs/mails.mbox.xz
words 2 >bombs/good.txt
expect_exit 0 '' reads bombs -o bombs.h5
expect_stdout 'kept +1 '
expect_exit 0 '' shard cat bombs.h5 --rejected
for bomb in skipped.tar.gz skipped.tar.xz records.jsonl.xz mails.mbox.xz; do
  expect_stdout "\"source\":\"bombs/$bomb\".*\"reason\":\"archive-bomb\""
done
expect_stdout '"source":"bombs/text.txt.gz".*"reason":"(not-text|too-large)"'
rm zeros

# Archives in archives without end.
cp a.txt level.txt
tar -cf nested.tar level.txt
for level in 1 2 3 4 5 6 7 8; do
  tar -czf "nested$level.tar.gz" nested.tar level.txt
  mv "nested$level.tar.gz" nested.tar
done
mkdir deep
mv nested.tar deep/nested.tar
expect_exit 0 '' reads deep -o deep.h5
expect_stdout 'nested-too-deep +1 '
expect_stdout 'duplicate-exact +3 '

# What breaks a parser: too much time, too much memory. The next page is read.
mkdir pages
words 3 >pages/z.md
yes '<p><b>some <i>words</i></b> of a page' | head -c 16000000 >pages/large.html
printf '<html><body><p>%s</p></body></html>' "$(words 4)" >pages/small.html
expect_exit 0 '' reads pages -o pages.h5 --extract-timeout 0.3
expect_exit 0 '' shard cat pages.h5 --rejected
expect_stdout '"source":"pages/large.html".*"reason":"parser-timeout","detail":"its reader: not done after 0.3 s'
expect_exit 0 '' shard cat pages.h5
expect_stdout '"source":"pages/z.md"'
if ! nm "$HEARTH_BIN/shard" 2>/dev/null | grep -q __asan_init; then  # it needs all the address space there is
  expect_exit 0 '' reads pages -o memory.h5 --extract-memory 32M
  expect_exit 0 '' shard cat memory.h5 --rejected
  expect_stdout '"source":"pages/large.html".*"reason":"parser-memory","detail":"its reader: needs more than 160 MiB of memory'
  expect_exit 0 '' shard cat memory.h5
  expect_stdout '"source":"pages/small.html"'
fi

# An office document is one whatever its name, in an archive too.
mkdir tree office
cp "$HEARTH_SOURCE/tests/golden/extract/office/bees.docx" tree/named.zip
tar -cf office/o.tar -C tree named.zip
expect_exit 0 '' reads office -o office.h5 --min-chars 10 --max-depth 1
expect_exit 0 '' shard cat office.h5
expect_stdout '"source":"office/o.tar!/named.zip","type":"docx"'

# What is no file, named or found.
mkdir special
words 5 >special/good.txt
mkfifo special/fifo
ln -s . special/loop
printf 'special/fifo\nspecial/good.txt\n/dev/zero\nspecial/gone.txt\nspecial/loop/loop/good.txt\n' >list
expect_exit 0 '' reads --files-from list -o special.h5
expect_stdout 'special-file +2 '
expect_stdout 'missing +1 '
expect_stdout 'duplicate-exact +1 '
expect_exit 0 '' reads special -o folder.h5 --json
expect_stdout '"symlinks":1'
expect_stdout '"special":1'

# Pictures and signatures of a mail are not documents, and are counted.
cat >picture.eml <<'M'
Subject: A picture
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

This mail has a picture, and enough characters of its own to be kept as a document.
--b
Content-Type: image/png; name=logo.png
Content-Disposition: attachment; filename=logo.png
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--b--
M
expect_exit 0 '' reads picture.eml -o picture.h5
expect_stdout 'not-text +1 '
expect_exit 0 '' shard cat picture.h5 --rejected
expect_stdout '"source":"picture.eml!/logo.png".*"reason":"not-text","detail":"an attachment of type image/png"'

# Records nested so deep that to write them would overrun the stack.
mkdir nested
for depth in 900 200000; do
  brackets=$(head -c "$depth" /dev/zero | tr '\0' '[')
  printf '{"text":"%s","x":%s%s}\n' "$(words "$depth")" "$brackets" "$(echo "$brackets" | tr '[' ']')"
done >nested/lines.jsonl
words 6 >nested/z.txt
expect_exit 0 '' reads nested -o nested.h5
expect_stdout 'kept +2 '
expect_exit 0 '' shard cat nested.h5 --rejected
expect_stdout '"source":"nested/lines.jsonl#2".*"reason":"bad-json","detail":"nested deeper than 1000"'
