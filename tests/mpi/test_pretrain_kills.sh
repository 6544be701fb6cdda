#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A rank killed at a random moment, again and again: the last complete checkpoint is always there to go on from, and the
# run ends with the bits of one that was left alone.
#   KILLS=N  (3; 50 in make test-long), SEED=N: which moments
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
. "$HEARTH_SOURCE/tests/mpi/ranks.sh"
. "$HEARTH_SOURCE/tests/tools/pretrain_fixture.sh"

: "${KILLS:=3}" "${SEED:=1}"
run='pretrain --depth 2 --context 32 --data tokens.h5 --batch-tokens 256 --eval-tokens 500 --eval-every 0 --steps 200 --checkpoint-every 4 --log-level warning'

# Up to 2.5 seconds after its start, of which a part goes into starting.
moment() { awk -v n="$1" -v seed="$SEED" 'BEGIN { srand(seed * 1000 + n); printf "%.2f %d\n", 0.3 + 2.2 * rand(), 1 + int(2 * rand()) }'; }

# shellcheck disable=SC2086
{
  expect_exit 0 '' ranks 2 $run -o runs/whole
  struck=0 kill=0
  while [ $kill -lt "$KILLS" ]; do
    kill=$((kill + 1))
    before=$(ls runs/killed 2>/dev/null | grep -c '^step-[0-9]*$')
    start_ranks 2 $run -o runs/killed
    moment $kill >moment
    read -r seconds victim <moment
    sleep "$seconds"
    rank=$(pgrep -P "$launcher" -x pretrain | sed -n "${victim}p")
    [ -z "$rank" ] || { kill -KILL "$rank" 2>/dev/null && struck=$((struck + 1)); }
    wait "$launcher"
    [ "$(ls runs/killed 2>/dev/null | grep -c '^step-[0-9]*$')" -ge "$((before > 2 ? 2 : before))" ] ||
      fail "kill $kill, after $seconds s: a complete checkpoint is gone"
  done
  expect_exit 0 '' ranks 2 $run -o runs/killed
  [ "$(weights runs/whole)" = "$(weights runs/killed)" ] || fail "after $struck kills (SEED=$SEED) the weights are others"
  echo "$struck of $KILLS kills met a running rank"
}
