#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Office documents among the inputs: by what they are, not by their names; in archives; old and encrypted ones.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

office=$HEARTH_SOURCE/tests/golden/extract/office
mkdir docs tree
cp "$office/bees.docx" docs/named.zip
cp "$office/bees.xlsx" docs/named.txt
gzip -c "$office/bees.odt" >docs/bees.odt.gz
cp "$office/bees.epub" tree/book.epub
tar -cf docs/books.tar -C tree book.epub
{
  printf '\320\317\021\340\241\261\032\341'
  head -c 100000 /dev/zero
  printf 'W\0o\0r\0d\0D\0o\0c\0u\0m\0e\0n\0t\0'
} >docs/old.doc

expect_exit 0 '' shard docs -o one.h5 --min-chars 10
expect_exit 0 '' shard cat one.h5
expect_stdout '"source":"docs/named.zip","type":"docx"'
expect_stdout '"source":"docs/named.txt","type":"xlsx"'
expect_stdout '"source":"docs/bees.odt.gz","type":"odt"'
expect_stdout '"source":"docs/books.tar!/book.epub","type":"epub"'
expect_exit 0 '' shard cat one.h5 --rejected
expect_stdout '"source":"docs/old.doc".*"reason":"not-text".*convert-to docx'
