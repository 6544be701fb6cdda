#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How often pretrain.sbatch starts a run again, on a private cluster: after stops (75) and after losses (69) as often as
# env.sh allows, by requeueing and by a chain of jobs, never twice without a new checkpoint, and what it says in the end.
# A stand-in trains: it saves a checkpoint unless told not to, writes what heartbeats a dead node leaves, and ends.
export NODES=4
# shellcheck source=tests/slurm/support.sh
. "$HEARTH_SOURCE/tests/slurm/support.sh"

mkdir bin
ln -s "$HEARTH_BIN/hearth-doctor" bin/
cat >bin/pretrain <<'END'
#!/bin/bash
# pretrain CODE SAVES -o RUN --resume auto
run=$4
step=$(($(ls -d "$run"/step-* 2>/dev/null | wc -l) + 1))
if [ "$2" = saves ]; then
  mkdir -p "$run/step-0000000$step" && touch "$run/step-0000000$step/index.h5"
fi
if [ "$1" = 69 ]; then
  mkdir -p "$run/heartbeats"
  beat='"pid":1,"time":100,"interval_s":1,"calls":7,"call":"all_reduce","call_s":9'
  echo "{\"rank\":0,\"node\":\"other\",$beat,\"end\":69,\"message\":\"gone\"}" >"$run/heartbeats/rank-00000.json"
  for rank in 1 2; do echo "{\"rank\":$rank,\"node\":\"$SLURMD_NODENAME\",$beat}" >"$run/heartbeats/rank-0000$rank.json"; done
fi
exit "$1"
END
chmod +x bin/pretrain
sed -i 's/MAX_STOPS=5/MAX_STOPS=2/; s/MAX_FAILURES=3/MAX_FAILURES=2/; s/--mpi=pmix/--mpi=none/; s/--nodes=2 --ntasks-per-node=1/--nodes=1 --ntasks=1/' env.sh
sed -i "s:^HEARTH_BIN=.*:HEARTH_BIN=$work/bin:" env.sh
sed 's/HEARTH_AGAIN=requeue/HEARTH_AGAIN=chain/' env.sh >chain.sh
sed 's/HEARTH_AGAIN=requeue/HEARTH_AGAIN=no/' env.sh >no.sh

train() { # RUN ENV CODE saves|saves-not
  HEARTH_ENV=$work/$2 timeout 20 sbatch --parsable --mem=500 -N1 --ntasks=1 -t 5 -o "$1.log" "$HEARTH_SLURM/pretrain.sbatch" \
    "$1" "$3" "$4" >"$1.job" || fail "$1 was not submitted"
}
train stops env.sh 75 saves
train stops-chained chain.sh 75 saves
train stops-once no.sh 75 saves
train losses env.sh 69 saves
train losses-chained chain.sh 69 saves
train losses-in-vain env.sh 69 saves-not
# In a pipeline, of which the stages before are there, the status tells what the script said last.
mkdir -p w/shards w/tokens && touch w/shards/00001.h5 w/tokens/00001.h5 w/tokenizer.json bin/shard && chmod +x bin/shard
echo /nowhere >w/inputs.txt
expect_exit 0 '' pipeline w
wait_for 150 "all have ended" queue_is_empty || squeue
expect_exit 0 '' pipeline w --status
expect_stdout '^pretrain +[0-9]+ +failed +.*exit 2: see the output above; not started again'

starts() { grep -c ': start ' "$1.slurm/log"; }
state_of() { timeout 10 scontrol show job "$(cat "$1.job")" | sed -n 's/ *JobState=\([A-Z]*\).*/\1/p'; }
expect_end() { # RUN STARTS LAST_WORDS
  expect "$1 starts $2 times, not $(starts "$1")" [ "$(starts "$1")" = "$2" ]
  expect "$1 says '$3' in its log" grep -q "job [0-9]*: $3\$" <(tail -n 1 "$1.slurm/log")
  expect "$1 says so in its output" grep -q "$3\$" "$1.log"
  expect_no_file "$1.slurm/running"
}
expect_end stops 3 'more than 2 stops: not started again'
expect_end stops-chained 3 'more than 2 stops: not started again'
expect_end stops-once 1 'ends here: run the same command again'
expect_end losses 3 'more than 2 failures: not started again'
expect_end losses-chained 3 'more than 2 failures: not started again'
expect_end losses-in-vain 2 'no checkpoint since the failure before: not started again'
# What was not started again may be started by hand.
expect "the last word leaves nothing behind" [ -z "$(find . -path '*.slurm/running')" ]
for run in stops losses losses-in-vain; do
  expect "$run was one job" [ "$(grep -o 'job [0-9]*' "$run.slurm/log" | sort -u)" = "job $(cat $run.job)" ]
  expect "$run has failed" [ "$(state_of $run)" = FAILED ]
done
for run in stops-chained losses-chained; do
  expect "$run was three jobs" [ "$(grep -o 'job [0-9]*: start' "$run.slurm/log" | sort -u | wc -l)" = 3 ]
done
for run in losses losses-chained; do
  expect "$run excludes a node a failure" [ "$(wc -l <"$run.slurm/exclude")" = 3 ]
  expect "$run is never given one again" [ "$(sed -n 's/.*: start [0-9]* on //p; ' "$run.slurm/log" | cut -d ' ' -f 1 | sort -u | wc -l)" = 3 ]
  expect "a line a failure" [ "$(wc -l <"$run.slurm/failures")" = 3 ]
  expect "$run names the ranks" grep -q 'rank 1 on n[1-4]: was last heard .*; rank 2 on n[1-4]: was' "$run.slurm/failures"
done
[ "$failures" -eq 0 ]
