#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# slurm/sweep.sh on a private cluster: six trials, two go on, one to the end; the leaderboard and the report; mistakes.
export NODES=3
# shellcheck source=tests/slurm/support.sh
. "$HEARTH_SOURCE/tests/slurm/support.sh"
sed -i 's/--nodes=2/--nodes=1/' env.sh
sweep() { timeout 60 "$HEARTH_SLURM/sweep.sh" "$@"; }

expect_exit 0 '' shard "$work/documents" -o corpus.h5 -q --validation-fraction 0.1 --near-duplicates keep --repeated-passages keep --quality none --privacy all=keep
expect_exit 0 '' tokenize train --vocab bytes -o tokenizer.json -q
expect_exit 0 '' tokenize encode corpus.h5 --tokenizer tokenizer.json -o tokens.h5 -q
mkdir s
expect_exit 66 'space.txt is missing' sweep s --rungs 20,40
printf '%s\n' 'lr = 1e-5 1e-3 4e-3' 'beta2 = 0.9 0.95' >s/space.txt
expect_exit 66 'pretrain.conf is missing' sweep s --rungs 20,40
printf '%s\n' 'depth = 1' 'context = 32' 'batch-tokens = 256' 'steps = 60' 'eval-tokens = 500' 'eval-every = 0' 'threads = 1' \
  "data = $work/tokens.h5" >s/pretrain.conf
expect_exit 64 'takes steps' sweep s --rungs many
expect_exit 0 '' sweep s --rungs 20,40 --dry-run
expect "six combinations" [ "$(wc -l <"$out")" = 6 ]
expect_exit 0 '' sweep s --rungs 20,40 --keep 0.34
wait_for 120 "the sweep is done" grep -q 'the sweep is done' s/logs/judge.log || { cat s/logs/*.log | tail -n 40; }
expect_exit 0 '' sweep s --status
expect_exit 73 'trials is there already' sweep s --rungs 20,40
expect "one trial came to the end" [ "$(awk '$2 == 60' s/leaderboard.tsv | wc -l)" = 1 ]
expect "one more to step 40" [ "$(awk '$2 == 40' s/leaderboard.tsv | wc -l)" = 1 ]
expect "four stopped at step 20" [ "$(awk '$2 == 20' s/leaderboard.tsv | wc -l)" = 4 ]
expect "none of the lowest rate went on" [ "$(awk '$2 > 20' s/leaderboard.tsv | grep -c 'lr = 1e-5')" = 0 ]
expect "a curve a trial" [ "$(grep -c '<polyline' s/report.html)" = 6 ]
