#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Parsers that the user brings to shard: what they get, what becomes of their output and of their failures.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

mkdir bin docs
PATH=$work/bin:$PATH
script() { # NAME: a program in PATH, from standard input
  { echo '#!/bin/sh'; cat; } >"bin/$1"
  chmod +x "bin/$1"
}
script prints <<'S'
echo "What a file of this kind says when it is printed by its own program, $1:"
cat
S
script reads <<'S'
case $2 in *.p2) ;; *) exit 9 ;; esac
[ "$(wc -c <"$2")" -ne 100000 ] || exec echo 'A hundred thousand bytes of nothing are what this file holds.'
printf '<!DOCTYPE html><html><body><h1>A page</h1><p>%s and what follows is long enough to be kept.</p></body></html>' "$(cat "$2")"
S
script fails <<'S'
echo 'cannot parse it' >&2
echo 'second line' >&2
exit 3
S
script hangs <<'S'
sleep 1000
S
script crashes <<'S'
kill -11 $$
S
script hungry <<'S'
exec dd if=/dev/zero of=/dev/null bs=500M count=1
S
script silent </dev/null
echo 'one two three, a $HOME that nobody expands; and more' >docs/a.P1
echo 'given as a path' >docs/b.p2
for kind in p3 p4 p5 p6 p7; do echo "$kind" >"docs/c.$kind"; done
head -c 100000 /dev/zero >docs/e.p2  # binary data, which is its parser's affair
tar -cf docs/d.tar -C docs a.P1
expect_exit 0 '' shard docs -o corpus.h5 --extract 'p1=prints  $HOME' --extract '.p2=reads - {}' --extract p3=fails --extract p4=hangs \
  --extract p5=crashes --extract p6=hungry --extract p7=silent --extract-timeout 2 --extract-memory 64M
expect_exit 0 '' shard cat corpus.h5
expect_stdout '"source":"docs/a.P1","type":"text".*"parser":"prints".*printed by its own program, \$HOME:\\none two three, a \$HOME that'
expect_stdout '"source":"docs/b.p2","type":"html".*"# A page\\n\\ngiven as a path and what follows'
expect_stdout '"source":"docs/e.p2","type":"text".*A hundred thousand'
expect "three are kept" [ "$(wc -l <"$out")" -eq 3 ]
expect_exit 0 '' shard cat corpus.h5 --rejected
expect_stdout '"source":"docs/d.tar!/a.P1".*"reason":"duplicate-exact"'
expect_stdout '"source":"docs/c.p3".*"reason":"parser-failed","detail":"fails: exit code 3: cannot parse it"'
expect_stdout '"source":"docs/c.p4".*"reason":"parser-timeout","detail":"hangs: not done after 2 s'
expect_stdout '"source":"docs/c.p5".*"reason":"parser-crashed","detail":"crashes: killed by signal 11'
expect_stdout '"source":"docs/c.p6".*"reason":"parser-memory","detail":"hungry: needs more than 64'
expect_stdout '"source":"docs/c.p7".*"reason":"no-text","detail":"silent prints nothing"'

expect_exit 78 "the program 'no-such-program' is not in PATH" shard docs -o other.h5 --extract 'p1=no-such-program {}'
expect_exit 78 "'no-such-program' is not in PATH" shard docs -o other.h5 --dry-run --extract p1=no-such-program
expect_exit 78 'not of the form EXT=COMMAND' shard docs -o other.h5 --extract prints
expect_exit 78 'not of the form EXT=COMMAND' shard docs -o other.h5 --extract 'p1= '
expect_no_file other.h5
expect_no_file other.h5.work
