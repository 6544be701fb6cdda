#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What clusters do to a training, on a private cluster whose nodes have networks of their own: a time limit, preemption, a
# node that dies, a node cut off, and a rank killed, stopped or slow; some of it also on a mesh of two pipeline stages of
# two tensor ranks. Prints a line of a table for each:
#   fault | what happened | seconds to recover | steps lost | bits
# Seconds: from the fault to the next start of the run, which includes the time Slurm waits before a requeued job starts.
# Needs root, HEARTH_BIN and HEARTH_SOURCE. Takes about a quarter of an hour on two idle cores.
export NODES=4 NETNS=1 SLURMD_TIMEOUT=15
# shellcheck source=tests/slurm/support.sh
. "$HEARTH_SOURCE/tests/slurm/support.sh"

expect_exit 0 '' shard "$work/documents" -o corpus.h5 -q --validation-fraction 0.1 --near-duplicates keep --repeated-passages keep --quality none --privacy all=keep
expect_exit 0 '' tokenize train --vocab bytes -o tokenizer.json -q
expect_exit 0 '' tokenize encode corpus.h5 --tokenizer tokenizer.json -o tokens.h5 -q
sed -i "s/HEARTH_MAX_STOPS=5/HEARTH_MAX_STOPS=50/" env.sh
STEPS=${STEPS:-3000}
options=(--depth 1 --context 32 --batch-tokens 128 --steps "$STEPS" --eval-tokens 500 --eval-every 0
  --checkpoint-every 100 --watchdog 5 --threads 1 --data tokens.h5 --log-level warning)
whole=whole       # the unbroken run that others are compared with
per_node=1        # ranks; always on two nodes
train() { # RUN SBATCH_OPTION...: submits a training
  timeout 20 sbatch --parsable --mem=500 -N2 --ntasks-per-node=$per_node -t 20 -o "$1.log" "${@:2}" \
    "$HEARTH_SLURM/pretrain.sbatch" "$1" "${options[@]}" >/dev/null || fail "$1 was not submitted"
  run=$1
}
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$run/heartbeats/rank-0000$2.json"; }
under_way() { wait_for 120 "$run is under way" past_step "$run" "${1:-150}"; }
starts() { grep -c ': start ' "$run.slurm/log"; }
started_again() { [ "$(starts)" -ge "${1:-2}" ]; }

# fault WHAT HAPPENED: after the fault at $since: waits for the next start and the end, and prints the row
row() {
  local at_fault recovered from bits=equal
  at_fault=$(step_of "$run")
  wait_for 180 "$run starts again" started_again || { tail -n 30 "$run.log"; return; }
  recovered=$(($(date +%s) - since))
  from=$(sed -n 's/.*: start .* from step \([0-9]*\)/\1/p' "$run.slurm/log" | tail -n 1)
  wait_for 300 "$run is done" grep -q 'done at step' "$run.slurm/log" || { tail -n 30 "$run.log"; return; }
  losses "$run" >a.losses
  cmp -s a.losses $whole.losses && [ "$(weights "$run")" = "$(weights $whole)" ] || bits=DIFFERENT
  [ $bits = equal ] || fail "$1: other bits than the unbroken run"
  echo "| $1 | $2 | $recovered | $((at_fault > from ? at_fault - from : 0)) | $bits |"
}

unbroken() { # into $whole
  train $whole
  wait_for 900 "the unbroken run is done" grep -q 'done at step' $whole.slurm/log
  losses $whole >$whole.losses
}
unbroken
echo "| none | $(wc -l <whole.losses) steps, no fault | | | |"

train limit -t 2 --signal=USR1@95  # Slurm may signal up to a minute early
under_way 100
wait_for 150 "the time limit strikes" grep -q 'stopped at step' limit.slurm/log
since=$(date +%s)
row 'time limit' 'USR1, checkpoint, exit 75, requeued'

train preempted
under_way
since=$(date +%s)
urgent=$(timeout 20 sbatch --parsable -p urgent -N4 --exclusive --mem=500 -o /dev/null --wrap 'sleep 3')
row 'preemption by a higher partition' 'USR1, checkpoint, exit 75, requeued behind the other job'
wait_for 60 "the urgent job is done" [ -z "$(timeout 10 squeue -h -j "$urgent" 2>/dev/null)" ]

# SIGNAL RANK WHICH: that rank gets the signal; it must be named, its node kept out
rank_gets() {
  local node
  train "${WHOSE:-}rank-$2-$1"
  under_way
  since=$(date +%s)
  node=$(field node "$2")
  kill -"$1" "$(field pid "$2")"
  row "$3: SIG$1" "named with its node $node, which is excluded; exit 69, requeued"
  grep -q "rank $2 on $node: was " "$run.slurm/failures" || fail "rank $2 on $node is not named"
  [ "$(grep -o 'rank [0-9]* on' "$run.slurm/failures" | sort -u)" = "rank $2 on" ] || fail "$run: others are named too"
}
# RUN WHICH: the node of the last rank dies
node_dies() {
  local node
  train "$1"
  under_way
  since=$(date +%s)
  node=$(field node $((2 * per_node - 1)))
  cluster kill "${node#n}"
  row "$2" 'Slurm requeues (node failure); the start that left no word is counted'
  cluster join "${node#n}"
  wait_for 60 "the node is back" sh -c "timeout 10 sinfo -h -n $node -o %t | grep -q idle"
}
rank_gets KILL 1 'rank 1'
rank_gets STOP 1 'rank 1'
node_dies dead 'node dies'

train cut
under_way
since=$(date +%s)
node=$(field node 1)
cluster cut "${node#n}"
row 'node cut off the network' 'the watchdog or Slurm ends the job; requeued elsewhere'
tail -n 3 cut.slurm/failures 2>/dev/null | cut -f 3 | cut -c 1-200 | sed 's/^/    recorded: /'
cluster join "${node#n}"

# A slow rank: stopped nine tenths of the time and more, in steps long enough that it is stopped while it computes. Told
# while the run goes on; nothing is recovered.
short=("${options[@]}")
options[5]=2048 options[7]=300  # --batch-tokens, --steps
whole="whole-long"
unbroken
train slow
under_way 20
pid=$(field pid 1) node=$(field node 1)
for _ in $(seq 600); do  # while it trains, or until it is told
  kill -STOP "$pid" 2>/dev/null || break
  sleep 0.15
  kill -CONT "$pid"
  sleep 0.01
  grep -q "\"event\":\"ranks\".*\"node\":\"$node\"" slow/metrics.jsonl && break
done
told="named with its times in metrics.jsonl and a warning"
grep -q "\"event\":\"ranks\".*\"node\":\"$node\"" slow/metrics.jsonl || { fail "the slow rank is not in metrics.jsonl"; told="NOT named"; }
grep -q "rank 1 on $node computes .* times as long as the median" slow.log || { fail "the slow rank is not told"; told="NOT named"; }
wait_for 300 "slow is done" grep -q 'done at step' slow.slurm/log
bits=equal
[ "$(weights slow)" = "$(weights $whole)" ] || { fail "a slow rank changes bits"; bits=DIFFERENT; }
echo "| rank 1 slow | $told | 0 | 0 | $bits |"
options=("${short[@]}")

# The same on a mesh: ranks 0 and 1 are the first stage, on one node, ranks 2 and 3 the last.
vocab=$(pretrain --depth 1 --data tokens.h5 -o none -q --dry-run --json | sed -n 's/.*"vocab": *\([0-9]*\).*/\1/p')
cat >wide.json <<END
{"schema": "hearth.model/1", "vocab": $vocab, "hidden": 32, "context": 32, "layers": ["wide", "wide"], "blocks": {"wide": {
 "mixer": {"kind": "gqa", "heads": 4, "kv_heads": 4, "head_dim": 8, "qk_norm": true}, "rope": {"theta": 10000, "dims": 8},
 "ffn": {"kind": "glu", "ffn": 48}}}}
END
options[1]=wide.json options[0]=--model
options+=(--pp 2 --tp 2)
whole=whole-mesh per_node=2 WHOSE=mesh-
unbroken
echo "| none, --pp 2 --tp 2 | $(wc -l <whole-mesh.losses) steps, no fault | | | |"
rank_gets KILL 3 'rank 3 of --pp 2 --tp 2'
rank_gets STOP 3 'rank 3 of --pp 2 --tp 2'
rank_gets STOP 0 'rank 0 of --pp 2 --tp 2'
node_dies mesh-dead 'node dies, --pp 2 --tp 2'
[ "$failures" -eq 0 ]
