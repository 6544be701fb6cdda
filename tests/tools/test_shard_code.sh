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
expect_exit 78 'code repo with --near-duplicates tag' shard src -o no.h5 --code repo --near-duplicates tag
expect_no_file no.h5
