#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shard extract: the text a file would give is the text a run keeps; what gives none is named, with an exit code.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

mkdir docs
printf '<html><head><title>T</title></head><body><h1>Head</h1><p>Some <b>words</b> to read.</body></html>' >docs/a.html
printf -- '---\ntitle: Of b\n---\nMarkdown *text*\n' >docs/b.md
cp "$HEARTH_SOURCE/tests/golden/extract/office/bees.docx" docs/
tar -cf docs/d.tar -C docs b.md
printf '\000\001\002' >docs/e.bin
printf '{"text":"first","n":1}\n{"text":\n' >docs/f.jsonl

expect_exit 0 '' shard extract docs/bees.docx
expect_golden "$HEARTH_SOURCE/tests/golden/extract/office/bees.docx.text"
expect_exit 0 '' shard extract docs/b.md
expect_stdout '^Markdown \*text\*$'
expect_no_stdout '==>'
expect_exit 0 'docs/e.bin: not-text: ' shard extract docs
expect_stdout '^==> docs/a.html \(html\) <==$'
expect_stdout '^==> docs/d.tar!/b.md \(markdown\) <==$'
expect_stdout '^==> docs/f.jsonl#1 \(jsonl\) <==$'
cp "$err" messages
expect "a broken line is named" grep -q 'docs/f.jsonl#2: bad-json: ' messages

expect_exit 0 '' shard extract --json docs
expect "a line for each document" [ "$(wc -l <"$out")" -eq 7 ]
expect_stdout '^\{.*"source":"docs/b.md".*\}$'
expect_stdout '"path":"docs/d.tar"'
expect_stdout '"title":"Of b"'
expect_stdout '"attributes":\{"n":1\}'
expect_stdout '"reason":"not-text"'
expect_no_stderr

# The same texts as a run keeps.
expect_exit 0 '' shard docs -o corpus.h5 --min-chars 0 --quality none --near-duplicates keep --repeated-passages keep --privacy all=keep
shard cat corpus.h5 | sed 's/.*"text"://' | sort -u >kept
shard extract --json docs | sed -n 's/.*"text"://p' | sort -u >extracted
expect "the same texts" cmp kept extracted

expect_exit 65 'e.bin: not-text: ' shard extract docs/e.bin
expect_no_stdout
expect_exit 65 '' shard extract --json docs/e.bin
expect_stdout '"reason":"not-text"'
expect_exit 66 'no-such: No such file' shard extract no-such
expect_exit 64 'FILE' shard extract
expect_exit 0 '' shard extract docs/e.bin --extract 'bin=od -c'
expect_stdout ' 001 002'
