# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# How a job ends, and whether it starts again; sourced by the sbatch scripts. What a training is to remember from one
# start to the next lies in RUN.slurm: log (a line an event), stops and failures (a line each), exclude (a node a line),
# running (while a start has not ended).

# Since Slurm 22.05 srun takes the cores of a task from here alone.
[ -z "${SLURM_CPUS_PER_TASK:-}" ] || export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"

alone() { step_of --ntasks=1 --nodes=1 "$@"; } # TOOL ARGUMENT...: as one process
on_ranks() { step_of "${HEARTH_SRUN[@]}" --kill-on-bad-exit=0 "--wait=$HEARTH_WAIT" "$@"; } # TOOL ARGUMENT...: a rank a task

step_of() { # OPTION... TOOL ARGUMENT...: Slurm signals it before the time limit; stopped by it, the job comes again
  local code=0
  srun "$@" || code=$?
  if [ $code = 75 ] && [ "$HEARTH_AGAIN" = requeue ] && [ "${SLURM_RESTART_COUNT:-0}" -lt "$HEARTH_MAX_STOPS" ]; then
    scontrol requeue "$SLURM_JOB_ID" && sleep 60
  fi
  exit $code
}

say() { # WHAT...: into the job's output and RUN.slurm/log
  echo "$(date -u +%FT%TZ) job ${SLURM_JOB_ID:-none}: $*" | tee -a "$state/log"
}

newest_checkpoint() { # its step; 0: none
  local folder newest=0
  for folder in "$run"/step-*/index.h5; do
    [ ! -e "$folder" ] || newest=$(basename "$(dirname "$folder")")
  done
  echo $((10#${newest#step-}))
}

count_lines() { if [ -e "$1" ]; then wc -l <"$1"; else echo 0; fi; }

begin() { # RUN: call first. A start that left no word (a node failed, and Slurm requeued) counts as a failure.
  run=$1 state=$1.slurm
  mkdir -p "$state"
  if [ -e "$state/running" ]; then failed "the last start left no word: $(cat "$state/running")" || { rm -f "$state/running" && exit 69; }; fi
  echo "job $SLURM_JOB_ID on $SLURM_JOB_NODELIST since $(date -u +%FT%TZ)" >"$state/running"
  rm -rf "$run/heartbeats"
  say "start ${SLURM_RESTART_COUNT:-0} on $SLURM_JOB_NODELIST from step $(newest_checkpoint)"
}

failed() { # WHY, on one line: one more failure; false when there were too many, or no checkpoint since the last one
  local step last=none
  step=$(newest_checkpoint)
  [ ! -s "$state/failures" ] || last=$(tail -n 1 "$state/failures" | cut -f 2)
  printf '%s\t%s\t%s\n' "$(date -u +%FT%TZ)" "$step" "$1" >>"$state/failures"
  say "failure $(count_lines "$state/failures") at checkpoint $step: $1"
  if [ "$last" = "$step" ]; then say "no checkpoint since the failure before: not started again"; return 1; fi
  if [ "$(count_lines "$state/failures")" -gt "$HEARTH_MAX_FAILURES" ]; then
    say "more than $HEARTH_MAX_FAILURES failures: not started again"
    return 1
  fi
}

keep_out() { # NODE...: from now on this run is not given them
  local node
  for node; do
    grep -qsx "$node" "$state/exclude" || echo "$node" >>"$state/exclude"
    say "node $node is excluded (RUN.slurm/exclude)"
  done
}

excluded() { [ ! -s "$state/exclude" ] || paste -s -d , "$state/exclude"; }

again() { # CODE SCRIPT ARGUMENT...: back into the queue, without the excluded nodes; ends this script
  local code=$1 id nodes
  shift
  rm -f "$state/running"
  nodes=$(excluded)
  case $HEARTH_AGAIN in
    requeue)
      trap '' TERM  # comes with the requeue, before the exclusion is told
      if scontrol requeue "$SLURM_JOB_ID"; then
        [ -z "$nodes" ] || scontrol update jobid="$SLURM_JOB_ID" ExcNodeList="$nodes" || say "could not exclude $nodes"
        sleep 60  # until Slurm takes us away
      fi
      ;;
    chain)
      id=$(sbatch --parsable "${HEARTH_SBATCH[@]}" "${HEARTH_SBATCH_PRETRAIN[@]}" ${nodes:+"--exclude=$nodes"} \
        --job-name="$SLURM_JOB_NAME" --output="$(output_of_job)" "$@")
      say "goes on as job $id"
      hand_over "$id"
      ;;
    *) say "ends here: run the same command again" ;;
  esac
  exit "$code"
}

output_of_job() { scontrol show job "$SLURM_JOB_ID" | sed -n 's/^ *StdOut=//p'; }

hand_over() { # NEW_ID: in a pipeline, what waits for this job waits for the new one
  [ -n "${HEARTH_PIPELINE:-}" ] || return 0
  local next
  echo "$1" >"$HEARTH_PIPELINE/jobs/pretrain"
  next=$(cat "$HEARTH_PIPELINE/jobs/export" 2>/dev/null) || return 0
  scontrol update jobid="$next" Dependency="afterok:$1" || say "job $next could not be made to wait for job $1"
}

suspects() { # a line a rank that was the cause: by its heartbeat, by weights that differ, or else by what srun saw first
  local found
  found=$("$HEARTH_BIN/hearth-doctor" --heartbeats "$run/heartbeats" 2>/dev/null | grep '^rank ' || true
    sed -n 's/.*weights differ between replicas: replica \([0-9]*\) on \([^ ,]*\).*/rank \1 on \2: is one whose weights differ/p' \
      "$run"/heartbeats/*.json 2>/dev/null | sort -u)
  [ -n "$found" ] || found=$(awk '/: start [0-9]+ on / { first = "" } /^srun: error: [^:[]*: task [0-9]+: [KSAB]/ && first == "" { first = $0 }
    END { print first }' "$(output_of_job)" | sed -n 's/^srun: error: \([^:]*\): task \([0-9]*\): \(.*\)/rank \2 on \1: was ended (\3)/p')
  echo "$found"
}

finish() { # CODE SCRIPT ARGUMENT...: call last, with srun's exit code and what to start again
  local code=$1 who
  shift
  case $code in
    0)
      rm -f "$state/running"
      say "done at step $(newest_checkpoint)"
      exit 0
      ;;
    75)
      printf '%s\t%s\n' "$(date -u +%FT%TZ)" "$(newest_checkpoint)" >>"$state/stops"
      say "stopped at step $(newest_checkpoint) after a checkpoint"
      if [ "$(count_lines "$state/stops")" -gt "$HEARTH_MAX_STOPS" ]; then
        say "more than $HEARTH_MAX_STOPS stops: not started again"
      else
        again 75 "$@"
      fi
      ;;
    69 | 12[89] | 1[3-9]? | 2??)  # a peer was lost, or a rank ended by a signal
      who=$(suspects)
      # shellcheck disable=SC2046
      keep_out $(sed -n 's/^rank [0-9]* on \([^ :]*\): \(was\|is\) .*/\1/p' <<<"$who" | sort -u)
      who=${who:-no rank can be named}
      if failed "exit $code: ${who//$'\n'/; }"; then again 69 "$@"; fi
      code=69
      ;;
    *) say "exit $code: see the output above; not started again" ;;
  esac
  rm -f "$state/running"
  exit "$code"
}

check_nodes() { # SCRIPT ARGUMENT...: hearth doctor on every node of the job; what to start again without the bad ones
  local bad node report=$state/doctor-$SLURM_JOB_ID-${SLURM_RESTART_COUNT:-0}.txt code=0
  if [ "$HEARTH_DOCTOR" = off ] || [ "${SLURM_JOB_NUM_NODES:-1}" -lt 2 ]; then return 0; fi
  timeout 600 srun "${HEARTH_SRUN[@]}" --ntasks-per-node=1 --ntasks="$SLURM_JOB_NUM_NODES" \
    "$HEARTH_BIN/hearth-doctor" >"$report" 2>&1 || code=$?
  [ $code != 0 ] || return 0
  bad=$(sed -n 's/^\(slow\|wrong\): \([^ ]*\) .*/\2/p' "$report" | sort -u)
  say "hearth doctor (exit $code, $report): $(grep -E '^(slow|wrong): |^doctor' "$report" | paste -s -d ';')"
  [ "$HEARTH_DOCTOR" = exclude ] || return 0
  for node in $bad; do
    if ! grep -qsx "$node" "$state/exclude"; then  # else Slurm gave it to us all the same: no second try
      # shellcheck disable=SC2086
      keep_out $bad
      again 69 "$@"
    fi
  done
}
