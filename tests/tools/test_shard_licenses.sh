#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Which code is kept by its license: allowed, denied, unknown, and that of its folder.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

code() { printf '/* %s */\nint %s(int x) { return x + %d; } /* so that it is long enough to be kept */\n' "$1" "$2" ${#2}; }
mkdir -p src/vendor/deep docs
code 'Released under the MIT license.' mit >src/mit.c
code 'SPDX-License-Identifier: GPL-2.0-only OR MIT' choice >src/choice.c
code 'This is free software under the terms of the GNU General Public License, version 3 or later.' gpl >src/gpl.c
code 'nothing is said' silent >src/silent.c
code 'nothing is said' vendored >src/vendor/deep/vendored.c
echo 'Distributed under the terms of the Mozilla Public License, v. 2.0, as it stands.' >src/vendor/LICENSE
echo 'Prose about the GNU General Public License, version 3, under which this license page is not.' >docs/page.txt

kept() { shard cat corpus.h5 | sed -n 's/.*"source":"\([^"]*\)".*/\1/p' | sort | tr '\n' ' '; }
build() { expect_exit 0 '' shard src docs -o corpus.h5 --overwrite --test-fraction 0 --validation-fraction 0 "$@"; }
expect_kept() { expect "kept: $1; got: $(kept)" [ "$(kept)" = "$1 " ]; }

build
expect_kept 'docs/page.txt src/choice.c src/gpl.c src/mit.c src/silent.c src/vendor/LICENSE src/vendor/deep/vendored.c'
expect_exit 0 '' shard cat corpus.h5
expect_stdout '"source":"src/mit.c".*"license":"MIT"'
expect_stdout '"source":"src/gpl.c".*"license":"GPL-3.0-or-later"'
expect_stdout '"source":"src/silent.c".*"license":(""|null)|"source":"src/silent.c"[^}]*"text"'
expect_stdout '"source":"src/vendor/deep/vendored.c".*"license":"MPL-2.0".*"license_from":"../LICENSE"'

build --deny-license 'GPL-*'
expect_kept 'docs/page.txt src/choice.c src/mit.c src/silent.c src/vendor/LICENSE src/vendor/deep/vendored.c'
expect_stdout 'license +1 '
expect_exit 0 '' shard cat corpus.h5 --rejected
expect_stdout "GPL-3.0-or-later is denied \(--deny-license 'GPL-\*'\)"

build --allow-license MIT --allow-license 'MPL-*' --license-unknown drop
expect_kept 'docs/page.txt src/choice.c src/mit.c src/vendor/LICENSE src/vendor/deep/vendored.c'
build --allow-license MIT
expect_kept 'docs/page.txt src/choice.c src/mit.c src/silent.c src/vendor/LICENSE'
build --license-scope all --license-unknown drop --deny-license 'MPL-*'
expect_kept 'docs/page.txt src/choice.c src/gpl.c src/mit.c'

cd src || exit 1
find . -name '*.c' | sort >../list
expect_exit 0 '' shard --files-from ../list -o ../corpus.h5 --overwrite --license-unknown drop
cd .. || exit 1
expect_exit 0 '' shard cat corpus.h5
expect_stdout '"source":"vendor/deep/vendored.c".*"license":"MPL-2.0"'

expect_exit 0 '' shard src -o one.h5 --no-provenance -j 1 --deny-license 'GPL-*'
expect_exit 0 '' shard src -o four.h5 --no-provenance -j 4 --deny-license 'GPL-*'
expect_same one.h5 four.h5
expect_exit 64 "'MIT OR ISC' is not the SPDX id of one license" shard src -o x.h5 --allow-license 'MIT OR ISC'
expect_exit 64 'license-unknown' shard src -o x.h5 --license-unknown perhaps
expect_no_file x.h5
