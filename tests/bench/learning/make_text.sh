#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make_text.sh TRAIN VALIDATION: a text of about a megabyte out of files that are surely there where hearth was built (the C
# library's and the compiler's headers), its last tenth apart as validation text.
set -eu
all=$(mktemp)
trap 'rm -f "$all"' EXIT
find /usr/include -maxdepth 1 -name '*.h' | LC_ALL=C sort | xargs cat 2>/dev/null | head -c 1100000 >"$all"
size=$(wc -c <"$all")
[ "$size" -ge 500000 ] || { echo "make_text.sh: only $size bytes of headers in /usr/include" >&2; exit 66; }
head -c $((size * 9 / 10)) "$all" >"$1"
tail -c +$((size * 9 / 10 + 1)) "$all" >"$2"
