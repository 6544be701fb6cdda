#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A disk without room while pretrain runs, alone and as two ranks (a limit on the size of files stands in for it, set on
# one running rank): saving pauses with a warning, the checkpoint before stays whole, training goes on; with room again
# the run ends with the bits of one that always had it. Without, it ends with exit 74 and the next one goes on.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
. "$HEARTH_SOURCE/tests/mpi/ranks.sh"
command -v prlimit >/dev/null || { echo "skipped: no prlimit"; exit 77; }
. "$HEARTH_SOURCE/tests/tools/pretrain_fixture.sh"

run='pretrain --depth 2 --context 32 --data tokens.h5 --batch-tokens 256 --eval-tokens 500 --eval-every 0 --checkpoint-every 10'

# until_there PATTERN FILE: waits for a line of the file.
until_there() {
  for _ in $(seq 600); do
    grep -q -e "$1" "$2" 2>/dev/null && return
    sleep 0.05
  done
  fail "no '$1' in $2"
}

# shellcheck disable=SC2086
for n in 1 2; do
  expect_exit 0 '' ranks $n $run --steps 160 -q -o runs/whole$n
  start_ranks $n $run --steps 160 -o runs/full$n
  until_there '"event":"checkpoint".*step-00000020' runs/full$n/metrics.jsonl
  rank=$(pgrep -P "$launcher" -x pretrain | tail -n 1)
  prlimit --pid "$rank" --fsize=8192:
  until_there 'training goes on without this checkpoint' "$err"
  folder=$(ls -d runs/full$n/step-*[0-9] | tail -n 1)
  [ -e "$folder/index.h5" ] || fail "no complete checkpoint is left"
  prlimit --pid "$rank" --fsize=unlimited:
  wait "$launcher" || fail "$n ranks: exit $? after there was room again"
  ls runs/full$n | grep -q partial && fail "$n ranks: what could not be completed is still there"
  [ "$(weights runs/whole$n)" = "$(weights runs/full$n)" ] || fail "$n ranks: other weights after a full disk"
  [ "$(grep -c '"event":"step"' runs/full$n/metrics.jsonl)" -eq 160 ] || fail "$n ranks: lines of metrics.jsonl are lost"

  # No room at the end: an error, and the next one goes on from the last checkpoint.
  start_ranks $n $run --steps 160 -o runs/ended$n
  until_there '"event":"checkpoint".*step-00000020' runs/ended$n/metrics.jsonl
  prlimit --pid "$(pgrep -P "$launcher" -x pretrain | tail -n 1)" --fsize=8192:
  wait "$launcher"
  code=$?
  [ $code -eq 74 ] || fail "$n ranks: exit $code without room at the end"
  ls runs/ended$n | grep -q partial && fail "half a checkpoint is left"
  expect_exit 0 '' ranks $n $run --steps 160 -q -o runs/ended$n
  [ "$(weights runs/whole$n)" = "$(weights runs/ended$n)" ] || fail "$n ranks: other weights when going on"
done
