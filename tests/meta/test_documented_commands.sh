#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What README.md says is true: every tool and option in its command lines exists, and so does every path it names.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
readme=$HEARTH_SOURCE/README.md

# The command lines: indented by four spaces, comments taken off.
sed -n 's/^    //p' "$readme" | sed 's/  *#.*//' >lines
n_commands=0
while read -r first second rest; do
  [ "$first" = hearth ] && { first=$second second=${rest%% *} rest=${rest#"${rest%% *}"}; }
  [ -f "$HEARTH_SOURCE/bin/$first.cpp" ] || [ -f "$HEARTH_SOURCE/bin/hearth-$first.cpp" ] || continue
  n_commands=$((n_commands + 1))
  case $first in tokenize) sub=$second ;; *) sub= ;; esac
  # shellcheck disable=SC2086  # a subcommand or nothing
  expect_exit 0 '' hearth "$first" $sub --help
  for option in $(printf '%s\n' "$second $rest" | grep -oE -e '(^| )--[a-z][a-z-]*'); do
    expect_stdout "^ .* $option( |\$)"
  done
done <lines
expect "the README shows the whole pipeline" [ "$n_commands" -ge 6 ]

# Targets of make, and paths from the root of the repository.
for target in $(sed -n 's/^make \([a-z-]*\).*/\1/p' lines) $(grep -oE '`make [a-z-]+' "$readme" | sed 's/.* //'); do
  expect "make $target" grep -q "^$target:" "$HEARTH_SOURCE/Makefile"
done
for path in $(grep -oE '`[a-z]+/[A-Za-z0-9/._-]*`' "$readme" | tr -d '`'); do
  case $path in build/* | runs/* | dist/ | */...* | docs/ | src/) continue ;; esac
  expect_file "$HEARTH_SOURCE/$path"
done
