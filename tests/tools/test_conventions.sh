#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What DESIGN section 6 promises of every tool, tried on every tool: help in all forms, versions, exit codes and messages
# of a wrong command line, and that output nobody received is an error.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

each_command() {  # every tool and subcommand, as words
  for source in "$HEARTH_SOURCE"/bin/*.cpp; do
    tool=${source##*/} tool=${tool%.cpp} tool=${tool#hearth-}
    subcommands=$(hearth "$tool" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
    [ -n "$subcommands" ] || echo "$tool"
    for sub in $subcommands; do echo "$tool $sub"; done
  done
}

each_command >commands
n_commands=0
# shellcheck disable=SC2086  # a command may be two words
while read -r command; do
  n_commands=$((n_commands + 1))
  tool=${command%% *}

  expect_exit 0 '' hearth $command --help
  expect_stdout "^Usage: hearth $command"
  expect_stdout '^Common options:'
  expect_no_stderr
  expect_exit 0 '' hearth $command -h
  expect_stdout "^Usage: hearth $command"
  expect "$command: -h fits a screen" [ "$(wc -l <"$out")" -le 70 ]
  expect_exit 0 '' hearth $command --help=json
  expect_stdout "\"title\": \"hearth $command\""
  expect_exit 0 '' hearth $command --help=man
  expect_stdout '^\.SH OPTIONS'
  expect_exit 64 "$tool: --help=xml: expects json, man or completion" hearth $command --help=xml

  expect_exit 0 '' hearth $tool --version
  expect_stdout "^$tool \(hearth\) $(cat "$HEARTH_SOURCE/VERSION")"
  expect_exit 0 '' hearth $tool --version --json
  expect_stdout '"schema":"hearth.version/1"'

  expect_exit 64 "^$tool: unknown option '--hlep'; did you mean '--help'\?" hearth $command --hlep
  expect "$command: a usage error is two lines" [ "$(wc -l <"$err")" -eq 2 ]
  expect_no_stdout
  expect_exit 64 "^$tool: --threads expects a whole number, got 'many'" hearth $command --threads many
  expect_exit 64 "^$tool: --log-level expects one of error, warning, info, debug; got 'loud'" hearth $command --log-level loud
  expect_exit 66 "^$tool: none.conf: No such file or directory" hearth $command --config none.conf
  echo 'thraeds = 2' >typo.conf
  expect_exit 78 "typo.conf:1: unknown key 'thraeds'; did you mean 'threads'\?" hearth $command --config typo.conf

  if [ -e /dev/full ]; then
    code=0
    hearth $command --help >/dev/full 2>"$err" || code=$?
    expect "$command: lost output is exit 74, was $code" [ "$code" -eq 74 ]
    expect "$command: lost output is told" grep -q 'No space left on device' "$err"
  fi
done <commands
expect "all tools were tried" [ "$n_commands" -ge 6 ]
