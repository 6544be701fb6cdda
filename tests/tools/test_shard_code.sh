#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --code repo: what a packed document is, where repositories begin, what is still judged file by file.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

plain="--quality none --privacy all=keep --no-provenance"
mkdir -p src/app/lib src/app/.git src/other src/app/vendor
printf 'from lib import util\n\nprint(util.answer(), "from the beginning of the application")\n' >src/app/a.py
printf '# nothing is imported here, so this file may come first of all files\nname = 1\n' >src/app/lib/__init__.py
printf 'from . import zeta\n\ndef answer():\n    return zeta.value + 1  # more than what zeta has\n' >src/app/lib/util.py
printf 'value = 41  # imported by util, and so it stands before it in the document\n' >src/app/lib/zeta.py
cp src/app/lib/zeta.py src/app/vendor/copy.py
printf 'x\n' >src/app/short.py
printf 'The application says what the answer is, and this page says how it does so.\n' >src/app/README.md
printf 'int other(void) { return 1; }  /* of a folder that nothing marks as a repository */\n' >src/other/other.c
printf 'int loose(void) { return 2; }  /* beside the folders, in the input itself, as it seems */\n' >src/loose.c

expect_exit 0 '' shard src -o repo.h5 --code repo $plain --html report.html
expect_stdout 'read  *9 '
expect_stdout 'duplicate-exact  *1 '
expect_stdout 'too-short  *1 '
expect_stdout 'packed with others  *4 '
expect_stdout 'kept  *3 '
expect "the report says so" grep -q 'packed with others' report.html
expect_exit 0 '' shard cat repo.h5
expect_stdout '"text":"<repo_name>src/app\\n<file_sep>lib/zeta.py\\nvalue = 41 [^<]*document\\n<file_sep>lib/util.py\\nfrom \. import zeta[^<]*\\n<file_sep>a.py\\nfrom lib[^<]*\\n<file_sep>lib/__init__.py\\n# nothing[^<]*\\n"'
expect_stdout '"source":"src#1","type":"code","language":"c",.*"text":"<repo_name>src\\n<file_sep>loose.c\\n.*<file_sep>other/other.c\\n'
expect_stdout '"source":"src/app/README.md","type":"markdown"'
expect "the copy is not in it" [ "$(grep -c copy.py "$out")" -eq 0 ]

# Cut to a size, between files; the same bytes for any number of threads; a copy in a new delivery is known.
expect_exit 0 '' shard src -o parts.h5 --code repo --repo-bytes 250 $plain -j 1
expect_exit 0 '' shard cat parts.h5
paths() { grep -o '"source":"[^"]*#[0-9]*"\|"path":"[^"]*"' "$out" | sed 's/.*:"//; s/"$//' | tr '\n' ' '; }
expect "parts in order, not $(paths)" [ "$(paths)" = 'src/app#1 lib/zeta.py lib/util.py src/app#2 a.py lib/__init__.py src#1 loose.c other/other.c ' ]
expect_exit 0 '' shard src -o one.h5 --code repo $plain -j 1
expect_same repo.h5 one.h5
mkdir new && cp src/app/lib/util.py new/again.py && printf 'fresh = "a file that the corpus does not hold, in a new delivery"\n' >new/fresh.py
expect_exit 0 '' shard new -o new.h5 --code repo $plain --against repo.h5
expect_stdout 'duplicate-exact  *1 '
expect_exit 0 '' shard cat new.h5
expect "only the new one" [ "$(paths)" = 'new#1 fresh.py ' ]

# Members of an archive are a repository; so are files of a list together.
tar -cf app.tar -C src app/a.py app/lib
expect_exit 0 '' shard app.tar -o tar.h5 --code repo $plain
expect_exit 0 '' shard cat tar.h5
expect "an archive, not $(paths)" [ "$(paths)" = 'app.tar#1 app/lib/zeta.py app/lib/util.py app/a.py app/lib/__init__.py ' ]
(cd src/app && find . -name '*.py' | sort) >list
cp list src/app/list && cd src/app
expect_exit 0 '' shard --files-from list -o ../../list.h5 --code repo $plain
cd ../..
expect_exit 0 '' shard cat list.h5
expect "a list, not $(paths)" [ "$(paths)" = '.#1 lib/zeta.py lib/util.py a.py lib/__init__.py ' ]

# Tagged near-duplicates: repositories with files alike, directly or over others, are on one side of the split, and what
# is like one of their files is with them.
words() { awk -v seed="$1" 'BEGIN { srand(seed); for (i = 0; i < 60; i++) { for (k = 0; k < 6; k++) printf "%c", 97 + rand() * 26; print " = True" } }'; }
for r in $(seq 40); do
  mkdir -p forge/r$r && touch forge/r$r/Makefile
  words $r >forge/r$r/own.py
done
for r in $(seq 1 2 39); do  # r1 and r2, r3 and r4, ... share a file; the last twenty are a chain
  { words 10$r; echo "first = $r"; } >forge/r$r/shared.py
  { words 10$r; echo "second = $r"; } >forge/r$((r + 1))/alike.py
done
for r in $(seq 21 39); do
  { words 20$r; echo "third = $r"; } >forge/r$r/next.py
  { words 20$r; echo "fourth = $r"; } >forge/r$((r + 1))/before.py
done
mkdir notes && { words 101; echo "in a note"; } >notes/note.txt
split_of() { sed -n "s/.*\"source\":\"$1\".*\"split\":\"\([a-z]*\)\".*/\1/p" "$out"; }
tagged="--code repo --near-duplicates tag --validation-fraction 0.3 --test-fraction 0.3 $plain"
# shellcheck disable=SC2086
{
  expect_exit 0 '' shard forge notes -o forge.h5 $tagged
  expect_exit 0 '' shard forge notes -o forge1.h5 $tagged -j 1 --dedup-memory 1M
  expect_same forge.h5 forge1.h5
  expect_exit 0 '' shard cat forge.h5
  expect "all stay" [ "$(grep -c '"type":"code"' "$out")" -eq 40 ]
  expect "files are tagged" grep -q '"path":"alike.py","language":"python".*"near_duplicate_of"' "$out"
  for r in $(seq 1 2 19); do
    expect "r$r is where r$((r + 1)) is" [ "$(split_of "forge\/r$r#1")" = "$(split_of "forge\/r$((r + 1))#1")" ]
  done
  for r in $(seq 22 40); do expect "r$r is with its chain" [ "$(split_of "forge\/r$r#1")" = "$(split_of "forge\/r21#1")" ]; done
  expect "a note is with what it is like" [ "$(split_of "notes\/note.txt")" = "$(split_of "forge\/r1#1")" ]
  expect "not all are on one side" [ "$(sed 's/.*"split":"\([a-z]*\)".*/\1/' "$out" | sort -u | wc -l)" -gt 1 ]

  # A file outside repositories that is like the first one of a repository, where nothing else joins them.
  for r in $(seq 10 39); do
    mkdir -p pairs/a$r/.git pairs/zz_notes
    words 3$r >pairs/a$r/first.py
    words 4$r >pairs/a$r/second.py
    { words 3$r; echo "in note $r"; } >pairs/zz_notes/n$r.txt
  done
  expect_exit 0 '' shard pairs -o pairs.h5 --code repo --near-duplicates tag --validation-fraction 0.4 --test-fraction 0.2 $plain
  expect_exit 0 '' shard cat pairs.h5
  for r in $(seq 10 39); do
    expect "note $r is with a$r" [ "$(split_of "pairs\/zz_notes\/n$r.txt")" = "$(split_of "pairs\/a$r#1")" ]
  done
  expect "all sides have some" [ "$(sed 's/.*"split":"\([a-z]*\)".*/\1/' "$out" | sort -u | wc -l)" -eq 3 ]

  # What a delivery before holds decides.
  expect_exit 0 '' shard notes -o notes.h5 --test-fraction 0.99 --validation-fraction 0 $plain
  expect_exit 0 '' shard forge -o after.h5 $tagged --against notes.h5
  expect_exit 0 '' shard cat after.h5
  expect "as in the delivery before" [ "$(split_of "forge\/r1#1") $(split_of "forge\/r2#1")" = "test test" ]
}
