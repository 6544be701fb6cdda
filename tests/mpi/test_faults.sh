#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What memory and networks do to numbers, and pretrain about it: a gradient that is not finite on one rank is skipped by
# all; weights of which one rank has another bit end the run with 69 and its name.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
. "$HEARTH_SOURCE/tests/mpi/ranks.sh"
[ -e "$HEARTH_BIN/libmpi_faults.so" ] || skip "no libmpi_faults.so"
. "$HEARTH_SOURCE/tests/tools/pretrain_fixture.sh"

plain='--depth 1 --context 32 --batch-tokens 256 --data tokens.h5 --eval-tokens 500 --log-level warning'
touch now
faulty_run() { # FAULT OPTION...
  fault=$1
  shift
  ranks 2 env LD_PRELOAD="$HEARTH_BIN/libmpi_faults.so" FAULT="$fault" FAULT_FILE="$work/now" pretrain $plain "$@"
}

expect_exit 0 'fault: nan' faulty_run nan --steps 20 --compare-replicas-every 5 -o nan
expect "one step is skipped" [ "$(grep -c '"skipped":"the .* is not finite"' nan/metrics.jsonl)" = 1 ]
expect "the others are taken" [ "$(grep '"event":"step"' nan/metrics.jsonl | grep -vc skipped)" = 19 ]

# Rows received from others come anew with every step, so a comparison at the step itself is what finds it.
expect_exit 69 'the weights differ between replicas: replica 1 on ' faulty_run flip --steps 40 --compare-replicas-every 1 -o flip
expect "found at once" [ "$(grep -c '"event":"step"' flip/metrics.jsonl)" -le 2 ]
expect_exit 0 'fault: flip' faulty_run flip --steps 10 --compare-replicas-every 0 -o unseen
expect_exit 0 '' ranks 2 pretrain $plain --steps 10 --compare-replicas-every 1 -o sound
[ "$failures" -eq 0 ]
