#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# pretrain.sbatch on a private cluster: a signal as before a time limit and a chain of jobs where requeueing is forbidden,
# both with the bits of an unbroken run; a rank killed and a rank stopped, each named, its node excluded, and the run
# finished elsewhere; and bad input, which ends it for good.
export NODES=4
# shellcheck source=tests/slurm/support.sh
. "$HEARTH_SOURCE/tests/slurm/support.sh"

expect_exit 0 '' shard "$work/documents" -o corpus.h5 -q --validation-fraction 0.1 --near-duplicates keep --repeated-passages keep --quality none --privacy all=keep
expect_exit 0 '' tokenize train --vocab bytes -o tokenizer.json -q
expect_exit 0 '' tokenize encode corpus.h5 --tokenizer tokenizer.json -o tokens.h5 -q
steps=2000
options=(--depth 1 --context 32 --batch-tokens 128 --steps "$steps" --eval-tokens 500 --eval-every 0 --checkpoint-every 50
  --watchdog 4 --threads 1 --data tokens.h5 --log-level warning)
train() { # RUN SBATCH_OPTION...: submits a training of two ranks; its job is in $job
  job=$(timeout 20 sbatch --parsable --mem=500 -N2 --ntasks-per-node=1 -t 10 -o "$1.log" "${@:2}" \
    "$HEARTH_SLURM/pretrain.sbatch" "$1" "${options[@]}") || fail "$1 was not submitted"
}
rank_pid() { sed -n 's/.*"pid":\([0-9]*\).*/\1/p' "$1/heartbeats/rank-0000$2.json"; }
rank_node() { sed -n 's/.*"node":"\([^"]*\)".*/\1/p' "$1/heartbeats/rank-0000$2.json"; }
has_checkpoint() { ls "$1"/step-*/index.h5 >/dev/null 2>&1; }
done_with() { grep -qs 'done at step' "$1.slurm/log"; }
expect_equal() { # RUN: has the losses and the weights of the unbroken one
  wait_for 180 "$1 is done" done_with "$1" || { tail -n 20 "$1.log"; return; }
  losses "$1" >a.losses
  expect "the losses of $1 are those of the unbroken run" cmp a.losses whole.losses
  expect "the weights of $1 are those of the unbroken run" [ "$(weights "$1")" = "$(weights whole)" ]
}

train whole
whole_job=$job
train signalled
wait_for 60 "signalled is under way" past_step signalled 75
timeout 10 scancel --signal=USR1 "$job"  # to the ranks, as --signal=USR1@600 does
wait_for 30 "the checkpoint after the signal" grep -q 'stopped at step' signalled.slurm/log
wait_for 180 "the unbroken run is done" done_with whole
losses whole >whole.losses
expect "the unbroken run has all steps" [ "$(wc -l <whole.losses)" = $steps ]
expect_equal signalled
expect "the job was requeued, not submitted again" grep -q "job $job: start 1" signalled.slurm/log

sed -i 's/HEARTH_AGAIN=requeue/HEARTH_AGAIN=chain/' env.sh
train chained
wait_for 60 "chained is under way" past_step chained 75
timeout 10 scancel --signal=USR1 "$job"
expect_equal chained
expect "a new job went on" grep -q 'goes on as job' chained.slurm/log
sed -i 's/HEARTH_AGAIN=chain/HEARTH_AGAIN=requeue/' env.sh

for fault in KILL STOP; do
  train $fault
  wait_for 60 "$fault is under way" past_step $fault 75
  wait_for 20 "a checkpoint" has_checkpoint $fault  # whichever: the first ones are soon replaced
  node=$(rank_node $fault 1)
  kill -$fault "$(rank_pid $fault 1)"
  since=$SECONDS
  wait_for 60 "the fault is noticed" test -s $fault.slurm/failures
  expect "rank 1 on $node is named" grep -q "rank 1 on $node: was " $fault.slurm/failures
  expect "its node is excluded" grep -qx "$node" $fault.slurm/exclude
  wait_for 60 "the run goes on" grep -q 'start 1 on' $fault.slurm/log
  ! grep 'start 1 on' $fault.slurm/log | grep -qw "$node" || fail "the run came back to $node"
  echo "$fault: noticed and restarted in $((SECONDS - since)) s"
  expect_equal $fault
done
[ -z "$whole_job" ] || expect "the unbroken run was one start" [ "$(grep -c 'start' whole.slurm/log)" = 1 ]

# Bad input: not started again.
options+=(--data none.h5)
train missing
wait_for 30 "bad input ends the job" grep -q 'exit 66: see the output above; not started again' missing.slurm/log
