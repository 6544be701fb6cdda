#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What .gitignore files name, and lines that the documents of a source share.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

plain="--quality none --near-duplicates keep --repeated-passages keep --privacy all=keep"
mkdir -p tree/site tree/build tree/.git
i=1
while [ $i -le 12 ]; do
  printf 'Welcome to the site of the bees\n\nPage %s tells of what bee number %s saw on its way to the flowers.\n' $i $i >tree/site/$i.txt
  i=$((i + 1))
done
printf 'The build left this text here, and nobody wants to read it.\n' >tree/build/log.txt
printf 'This file is named by a pattern in the folder above it, too.\n' >tree/site/x.tmp
printf '/build/\n*.tmp\n' >tree/.gitignore
printf 'A folder of git is passed by whatever a pattern says of it.\n' >tree/.git/description

expect_exit 0 '' shard tree -o one.h5 $plain
expect_stdout 'kept  *12 '
expect_stdout 'passed by: 2 hidden, 2 named by .gitignore'
expect_exit 0 '' shard tree -o two.h5 $plain --no-gitignore
expect_stdout 'kept  *14 '

expect_exit 0 '' shard tree -o cut.h5 $plain --common-lines cut
expect_exit 0 '' shard cat cut.h5
expect "no greeting is left" [ "$(grep -c Welcome "$out")" -eq 0 ]
expect "twelve pages are left" [ "$(grep -c 'tells of what' "$out")" -eq 12 ]
expect_exit 0 '' shard cat cut.h5 --stats
expect_stdout '"common-lines"'
expect_exit 0 '' shard tree -o tag.h5 $plain --common-lines tag -j 1
expect_exit 0 '' shard cat tag.h5
expect_stdout '"common_lines":1'
expect "the greetings stay" [ "$(grep -c Welcome "$out")" -eq 12 ]
expect_exit 0 '' shard tree -o rare.h5 $plain --common-lines cut --common-line-count 13
expect_exit 0 '' shard cat rare.h5
expect "the greetings stay" [ "$(grep -c Welcome "$out")" -eq 12 ]
