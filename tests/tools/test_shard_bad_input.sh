#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shard on bad input: each mistake has its message and exit code, and leaves no file behind.
# shellcheck disable=SC2016
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

text='These words are enough for a document that is kept, as its length is more than fifty characters.'
mkdir docs
echo "$text" >docs/a.txt

# The command line.
expect_exit 64 "INPUT is missing" shard -o x.h5
expect_exit 64 "output .*is missing" shard docs
expect_exit 64 "unknown option '--min-char'; did you mean '--min-chars'" shard docs -o x.h5 --min-char 3
expect_exit 64 "min-chars expects a whole number of at least 0, got 'few'" shard docs -o x.h5 --min-chars few
expect_exit 64 "did you mean 'fail'" shard docs -o x.h5 --on-bad-line fial
expect_exit 64 "validation-fraction must be at least 0 and at most 1" shard docs -o x.h5 --validation-fraction 2
expect_exit 64 "a documents file cannot be a stream" shard docs -o -
expect_exit 64 "rejected and --split exclude each other" shard cat x.h5 --rejected --split train
expect_exit 78 "together must be less than 1" shard docs -o x.h5 --validation-fraction 0.5 --test-fraction 0.5
echo 'min-char = 3' >config
expect_exit 78 "config:1: unknown key 'min-char'; did you mean 'min-chars'" shard docs -o x.h5 --config config

# Inputs.
expect_exit 66 '^shard: no-such: No such file' shard docs no-such -o x.h5
expect_exit 66 '^shard: no-such: No such file' shard --files-from no-such -o x.h5
expect_exit 66 'no-such.h5: No such file' shard cat no-such.h5
mkdir empty
expect_exit 65 'no document is left of 0 read; x.h5 is not written' shard empty -o x.h5
echo a >empty/a.txt
printf '\000\001\002\003' >empty/b
expect_exit 65 'no document is left of 2 read: 1 not-text, 1 too-short' shard empty -o x.h5
: >docs/nothing
printf '{"text":"%s"}\n{"text":\n' "$text" >lines.jsonl
expect_exit 65 'lines.jsonl:2: column 9: .*--on-bad-line skip' shard lines.jsonl -o x.h5 --on-bad-line fail
printf '{"body":1}\n' >body.jsonl
expect_exit 65 "body.jsonl:1: 'text' is missing" shard body.jsonl -o x.h5 --on-bad-line fail
printf '{"text":"%s","id":"%s"}\n{"text":"%s more","id":"b"}\n' "$text" "$(head -c 1025 /dev/zero | tr '\0' x)" "$text" >ids.jsonl
expect_exit 65 "ids.jsonl:1: 'id' is 1025 bytes long; at most 1024 are an id" shard ids.jsonl --id-field id -o x.h5 --on-bad-line fail
expect_exit 0 '1 broken lines are skipped, the first: ids.jsonl:1' shard ids.jsonl --id-field id -o ids.h5
expect_stdout 'bad-id +1 '
echo "not a documents file" >foreign.h5
expect_exit 65 'foreign.h5' shard cat foreign.h5
expect_exit 0 '' shard docs -o good.h5
size=$(wc -c <good.h5)
for cut in 0 1 100 2048 $((size / 2)) $((size - 1)); do
  head -c "$cut" good.h5 >cut.h5
  expect_exit 65 'cut.h5' shard cat cut.h5
  expect_no_stdout .
done
expect_exit 65 'no document is left of 1 read: 1 not-text' shard good.h5 -o x.h5
expect_no_file x.h5

# Files that cannot be used are counted and named, and do not stop the rest.
i=0
while [ $i -lt 2000 ]; do
  echo "$text $i"
  i=$((i + 1))
done | gzip >whole.gz
head -c 2000 whole.gz >docs/cut.txt.gz
head -c 2000 whole.gz >docs/cut.jsonl.gz
cp whole.gz docs/module.mod
printf '\304\343\272\303\243\254\312\300\275\347\241\243\326\320\316\304' >docs/chinese.txt
if can_drop_privileges; then
  echo "$text" >docs/locked.txt
  mkdir docs/locked
  chmod 0 docs/locked.txt docs/locked
fi
expect_exit 0 '' unprivileged shard docs -o x.h5
expect_stdout 'damaged +2 '
expect_stdout 'unknown-encoding +1 '
expect_stdout 'not-text +1 '
expect_stdout 'kept +1 '
! can_drop_privileges || expect_stdout 'unreadable +2 '
expect_exit 0 '' shard cat x.h5 --rejected
expect_stdout 'chinese.txt.*"reason":"unknown-encoding"'
expect_stdout '"source":"docs/cut.txt.gz".*"detail":".*cut.txt.gz: ends in the middle of its gzip stream'
! can_drop_privileges || expect_stdout '"source":"docs/locked/".*"reason":"unreadable","detail":"Permission denied"'

# Outputs.
expect_exit 73 'x.h5: exists already \(use --overwrite' shard docs/a.txt -o x.h5
expect_exit 0 '' shard docs/a.txt -o x.h5 --overwrite
expect_exit 73 'its folder no/such does not exist' shard docs -o no/such/x.h5
if can_drop_privileges; then
  mkdir read-only && chmod 555 read-only
  expect_exit 73 'cannot write to read-only: Permission denied' unprivileged shard docs/a.txt -o read-only/x.h5
fi
head -c 3000000 /dev/urandom | base64 >large.txt
expect_exit 74 'No space left|File too large' on_full_disk 400k shard large.txt --quality none -o full/x.h5
expect_no_file full/x.h5
expect_no_file full/x.h5.partial
expect_exit 74 'standard output|stdout' sh -c 'shard cat x.h5 >/dev/full'

# While one runs another may not have its output, and a signal ends it with nothing left behind. The list of inputs
# comes from a pipe that stays open, so the tool is still reading.
mkfifo list
shard --files-from list -o stopped.h5 2>stopped.err &
tool=$!
trap '' PIPE # of the list, when the tool has ended
exec 3>list # goes on when the tool reads, and so has its output open
expect_exit 73 'stopped.h5.work: another run is writing here' shard docs -o stopped.h5
j=0
while [ $j -lt 3000 ]; do
  echo docs/a.txt >&3
  j=$((j + 1))
done
kill -TERM "$tool"
while [ $j -lt 6000 ]; do
  echo docs/a.txt 2>/dev/null >&3 || break
  j=$((j + 1))
done
exec 3>&-
code=0
wait "$tool" || code=$?
cp stopped.err "$err"
expect "stopped by TERM: exit code $code" [ "$code" -eq 75 ]
expect "says so" grep -q 'stopped by a signal: stopped.h5 is not written' stopped.err
expect_no_file stopped.h5
expect_no_file stopped.h5.partial
