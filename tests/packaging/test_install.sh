#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An installed hearth stands on its own: every tool runs from the prefix, has its man page, and is completed by bash.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

expect_exit 0 '' cmake --install "$HEARTH_BIN/.." --prefix "$work/prefix"
unset HEARTH_BIN
PATH=$work/prefix/bin:/usr/bin:/bin
cd "$work/prefix" || exit 1

n_tools=0
for source in "$HEARTH_SOURCE"/bin/*.cpp; do
  program=${source##*/} program=${program%.cpp}
  tool=${program#hearth-}
  n_tools=$((n_tools + 1))
  expect_exit 0 '' hearth "$tool" --help
  expect_stdout "^Usage: hearth $tool"
  expect_exit 0 '' "bin/$program" --version
  expect_stdout "^$tool \(hearth\) $(cat "$HEARTH_SOURCE/VERSION")"
  page=share/man/man1/hearth-$tool.1
  expect "a man page of $tool" grep -q '^\.SH EXIT STATUS' "$page"
  if command -v groff >/dev/null; then
    groff -man -Tutf8 -ww "$page" >"$out" 2>"$err"
    expect_no_stderr
  fi
done
expect "tools were installed" [ "$n_tools" -gt 0 ]
for file in README.md LICENSE; do expect_file "share/doc/hearth/$file"; done

# The scripts for Slurm, and a modulefile that names this prefix.
expect "pipeline.sh explains itself" sh -c 'share/hearth/slurm/pipeline.sh --help | grep -q "^Usage: "'
module=share/hearth/modulefiles/hearth/$(cat "$HEARTH_SOURCE/VERSION").lua
expect "the modulefile names the prefix" grep -q "^local root = \"$work/prefix\"" "$module"
expect "the modulefile is filled in" [ "$(grep -c @ "$module")" = 0 ]
if command -v lua >/dev/null; then expect "the modulefile is Lua" lua -e "assert(loadfile('$module'))"; fi

# Nothing reaches back into the build or source folder.
if command -v readelf >/dev/null; then
  for file in bin/*; do
    readelf -d "$file" 2>/dev/null | grep -E 'R(UN)?PATH' >"$out"
    expect_no_stdout .
  done
fi

if command -v bash >/dev/null; then
  cat >complete.bash <<'END'
. share/bash-completion/completions/hearth
words_after() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
  _hearth
  printf '%s\n' "${COMPREPLY[@]}"
}
words_after hearth ""
words_after hearth tokenize --vocab
! complete -p eval export 2>/dev/null
END
  expect_exit 0 '' bash complete.bash
  expect_stdout '^shard$'
  expect_stdout '^--vocab-size$'
fi
