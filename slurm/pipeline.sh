#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# From documents to a model that others load, as Slurm jobs that wait for one another. Everything is in one folder:
#   WORK/inputs.txt            a line an input of shard: a file or folder
#   WORK/STAGE.conf            options of a stage's tool, as key = value (pretrain.conf: depth = 12); may be absent
#   WORK/shards/ tokenizer.json tokens/ run/ hf/        what the stages write;  logs/, jobs/: their output, their numbers
# The same command again submits what is missing and not queued: after a failure only the failed elements of an array,
# after new lines in inputs.txt only these (not with HEARTH_SHARD_AT_ONCE=ranks, where all lines are one job). A finished
# stage is skipped; to do it anew, remove what it wrote.
set -euo pipefail
HEARTH_SLURM=$(dirname "$(readlink -f "$0")")
# shellcheck source=slurm/env.sh
. "${HEARTH_ENV:-$HEARTH_SLURM/env.sh}"
stages=(shard vocabulary encode pretrain export)

usage() {
  cat <<'END'
Usage: slurm/pipeline.sh WORK [--from STAGE] [--to STAGE] [--dry-run]
       slurm/pipeline.sh WORK --status [--json]

Stages, in order: shard vocabulary encode pretrain export

  --from STAGE   submit no stage before this one: they must be done
  --to STAGE     submit no stage after this one
  --dry-run      print the sbatch commands and submit nothing
  --status       a table: each stage's job, state, progress and time left
  --json         with --status: one JSON object
END
}

wrong() { echo "pipeline.sh: $1" >&2 && exit "${2:-64}"; }

# --- what is there -----------------------------------------------------------------------------------------------

# Of documents and tokens: a file an input; or one of all inputs, when many ranks read them.
n_files() { if [ "$HEARTH_SHARD_AT_ONCE" = ranks ]; then echo 1; else grep -c . "$work/inputs.txt"; fi; }

parts_of() { case $1 in shard | encode) n_files ;; *) echo 1 ;; esac; }

# STAGE PART: whether that is finished. Tools write under another name and rename at the end: a name is a promise.
finished() {
  case $1 in
    shard) [ -e "$work/shards/$(printf %05d "$2").h5" ] ;;
    vocabulary) [ -e "$work/tokenizer.json" ] ;;
    encode) [ -e "$work/tokens/$(printf %05d "$2").h5" ] ;;
    pretrain) tail -n 5 "$work/run/metrics.jsonl" 2>/dev/null | grep -q '"event":"exit".*"code":0' ;;
    export) [ -e "$work/hf/parity.json" ] ;;
  esac
}

missing() { # STAGE: the numbers of unfinished parts, as sbatch --array takes them
  local part list=
  for ((part = 1; part <= $(parts_of "$1"); part++)); do finished "$1" "$part" || list+=",$part"; done
  echo "${list#,}"
}

job_of() { cat "$work/jobs/$1" 2>/dev/null || true; }

states_of() { # JOB: "part state reason" of each part in the queue or lately there
  [ -z "$1" ] || squeue -h -r -t all -j "$1" -o '%K %T %r' 2>/dev/null || true
}

queued() { states_of "$1" | grep -Eqv ' (COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL|OUT_OF_MEMORY|BOOT_FAIL|DEADLINE|PREEMPTED) '; }

# --- submitting --------------------------------------------------------------------------------------------------

conf() { if [ -e "$work/$1.conf" ]; then printf -- '--config\n%s\n' "$work/$1.conf"; fi; }

command_of() { # STAGE MISSING: the array `command`: sbatch's options, the script and its arguments
  local options part array=("--array=$2%$HEARTH_SHARD_AT_ONCE")
  [ "$HEARTH_SHARD_AT_ONCE" != ranks ] || array=()
  mapfile -t options < <(conf "$1")
  case $1 in
    shard)
      command=("${HEARTH_SBATCH_SHARD[@]}" "${array[@]}" "$HEARTH_SLURM/shard.sbatch" "$work/inputs.txt" "$work/shards"
        "${options[@]}") ;;
    vocabulary)
      command=("${HEARTH_SBATCH_TOKENIZE[@]}" "$HEARTH_SLURM/tokenize.sbatch" train "$work/shards" "$work/tokenizer.json"
        "${options[@]}") ;;
    encode)
      command=("${HEARTH_SBATCH_TOKENIZE[@]}" "--array=$2" "$HEARTH_SLURM/tokenize.sbatch" encode "$work/shards"
        "$work/tokenizer.json" "$work/tokens" "${options[@]}") ;;
    pretrain)
      local data=()
      for ((part = 1; part <= $(n_files); part++)); do data+=(--data "$work/tokens/$(printf %05d "$part").h5"); done
      command=("${HEARTH_SBATCH_PRETRAIN[@]}" "$HEARTH_SLURM/pretrain.sbatch" "$work/run" "${data[@]}" "${options[@]}")
      if [ -s "$work/run.slurm/exclude" ]; then
        command=("--exclude=$(paste -s -d , "$work/run.slurm/exclude")" "${command[@]}")
      fi
      ;;
    export)
      command=("${HEARTH_SBATCH_EXPORT[@]}" "$HEARTH_SLURM/export.sbatch" "$work/run" "$work/hf" "${options[@]}") ;;
  esac
}

submit() { # STAGE: prints what becomes of it; leaves its job, if it has one, in `job`
  local stage=$1 list log=%x-%j.log
  list=$(missing "$stage")
  job=
  if [ -z "$list" ]; then echo "$stage: done" && return; fi
  job=$(job_of "$stage")
  if queued "$job"; then echo "$stage: in the queue as job $job" && return; fi
  list=$(missing "$stage")  # its job may have ended since
  if [ -z "$list" ]; then job='' && echo "$stage: done" && return; fi
  [ "$inside" = yes ] || wrong "stage $stage is not finished, and is left out: start from it" 66
  command_of "$stage" "$list"
  [[ ${command[*]} != *--array=* ]] || log=%x-%A_%a.log
  command=("${HEARTH_SBATCH[@]}" "--job-name=hearth-$stage" "--output=$work/logs/$log"
    ${before:+"--dependency=afterok:$before"} --kill-on-invalid-dep=yes "${command[@]}")
  if [ "$dry_run" = yes ]; then
    job="(job of $stage)"
    echo "$stage: sbatch ${command[*]}"
    return
  fi
  job=$(sbatch --parsable "${command[@]}")
  echo "$job" >"$work/jobs/$stage"
  echo "$stage: submitted as job $job${before:+, after $before}"
}

check_shards() { # where all inputs are read at once, what is there must be of all inputs
  [ "$HEARTH_SHARD_AT_ONCE" = ranks ] && [ -e "$work/shards/00001.h5" ] || return 0
  local anew="remove shards/, tokenizer.json and tokens/ to read all inputs again"
  [ ! -e "$work/shards/00002.h5" ] ||
    wrong "$work/shards has a file an input: set HEARTH_SHARD_AT_ONCE to a number again, or $anew" 78
  [ ! -e "$work/shards/inputs.txt" ] || cmp -s "$work/inputs.txt" "$work/shards/inputs.txt" ||
    wrong "$work/inputs.txt is not what shards/00001.h5 was made of (shards/inputs.txt): $anew" 78
}

submit_all() {
  mkdir -p "$work/logs" "$work/jobs"
  exec 9>"$work/jobs/.lock"
  flock 9  # the same pipeline started twice submits once
  local stage inside=no before=
  for stage in "${stages[@]}"; do
    [ "$stage" != "$from" ] || inside=yes
    submit "$stage"
    [ -z "$job" ] || before=$job
    [ "$stage" != "$to" ] || break
  done
}

# --- status ------------------------------------------------------------------------------------------------------

last_word() { # LOG: the last message of a tool in it
  grep -hE '^(shard|tokenize|pretrain|export)[^ ]*: ' "$1" 2>/dev/null | tail -n 1 | grep . ||
    grep -hE '^(srun|slurmstepd): ' "$1" 2>/dev/null | tail -n 1
}

number() { sed -n "s/.*\"$1\":\([-0-9.e+]*\).*/\1/p" | tail -n 1; }

progress_of_training() { # sets progress and eta from metrics.jsonl
  local metrics=$work/run/metrics.jsonl last total step loss
  last=$(tail -n 50 "$metrics" 2>/dev/null | grep '"event":"step"' || true)
  total=$(grep '"event":"start"' "$metrics" 2>/dev/null | number total_steps)
  step=$(number step <<<"${last/event/}")
  loss=$(tail -n 1 <<<"$last" | sed -n 's/.*"loss":\([0-9]*\.\{0,1\}[0-9]\{0,4\}\).*/\1/p')
  [ -n "$step" ] && [ -n "$total" ] || return 0
  progress="step $step/$total, loss $loss"
  eta=$(sed -n 's/.*"step_s":\([0-9.e+-]*\).*/\1/p' <<<"$last" |
    awk -v left=$((total - step)) '{ s += $1 } END { printf "%d", left * s / NR }')
}

describe() { # STAGE: sets job, state, progress and eta
  local stage=$1 n done_n=0 part states failed_parts="" reason
  n=$(parts_of "$stage")
  job=$(job_of "$stage") progress='' eta=''
  states=$(states_of "$job")
  for ((part = 1; part <= n; part++)); do
    if finished "$stage" "$part"; then
      done_n=$((done_n + 1))
    elif [ -n "$job" ] && ! queued_part "$part"; then
      failed_parts+=",$part"
    fi
  done
  failed_parts=${failed_parts#,}
  [ "$n" = 1 ] || progress="$done_n of $n"
  [ "$stage" != pretrain ] || progress_of_training
  if [ "$done_n" = "$n" ]; then
    state='done' eta=''
  elif grep -q ' RUNNING ' <<<"$states"; then
    state=running
  elif queued "$job"; then
    reason=$(awk '$2 != "COMPLETED" { print $3; exit }' <<<"$states")
    state="waiting ($reason)"
  elif [ -n "$job" ]; then
    state=failed eta=''
  else
    state='not submitted'
  fi
  [ -n "$failed_parts" ] || return 0
  [ "$n" = 1 ] || progress+=", failed: $failed_parts"
  local name=$job
  [ -e "$work/logs/hearth-$stage-$name.log" ] || name=${job}_${failed_parts%%,*}
  reason=$(last_word "$work/logs/hearth-$stage-$name.log")
  # That a training is not started again is the script's word, not the tool's.
  if [ "$stage" = pretrain ] && [ -s "$work/run.slurm/log" ]; then
    reason+=${reason:+; }$(tail -n 1 "$work/run.slurm/log" | sed 's/^[^ ]* job [^:]*: //')
  fi
  [ -z "$reason" ] || progress+="${progress:+: }$reason"
}

queued_part() { # PART, of the states in `states`; a job that is no array has one part, N/A
  awk -v part="$1" '$1 == part || $1 == "N/A"' <<<"$states" |
    grep -Eqv ' (COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL|OUT_OF_MEMORY|BOOT_FAIL|DEADLINE|PREEMPTED) '
}

text_of_seconds() {
  local s=$1
  if ((s >= 3600)); then printf '%d h %02d min' $((s / 3600)) $((s % 3600 / 60)); else printf '%d min %02d s' $((s / 60)) $((s % 60)); fi
}

json_string() { printf '"%s"' "$(sed 's/\\/\\\\/g; s/"/\\"/g; s/\t/ /g' <<<"$1")"; }

show_status() {
  local stage comma='' job state progress eta
  if [ "$json" = yes ]; then printf '{"schema":"hearth.pipeline/1","work":%s,"stages":[' "$(json_string "$work")"
  else printf '%-11s %-9s %-24s %-12s %s\n' STAGE JOB STATE ETA PROGRESS; fi
  for stage in "${stages[@]}"; do
    describe "$stage"
    if [ "$json" = yes ]; then
      printf '%s{"stage":"%s","job":%s,"state":%s,"progress":%s,"eta_s":%s}' "$comma" "$stage" "$(json_string "$job")" \
        "$(json_string "$state")" "$(json_string "$progress")" "${eta:-null}"
      comma=,
    else
      printf '%-11s %-9s %-24s %-12s %s\n' "$stage" "${job:--}" "$state" "$([ -z "$eta" ] || text_of_seconds "$eta")" "$progress"
    fi
  done
  [ "$json" = no ] || echo ']}'
}

# --- command line ------------------------------------------------------------------------------------------------

work='' from=shard to=export dry_run=no status=no json=no
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage && exit 0 ;;
    --from | --to)
      [[ " ${stages[*]} " == *" ${2:-} "* ]] || wrong "$1: no stage '${2:-}'; there are: ${stages[*]}"
      if [ "$1" = --from ]; then from=$2; else to=$2; fi
      shift ;;
    --dry-run) dry_run=yes ;;
    --status) status=yes ;;
    --json) json=yes ;;
    -*) wrong "unknown option '$1'; --help lists them" ;;
    *) [ -z "$work" ] || wrong "one folder, not also '$1'" && work=$1 ;;
  esac
  shift
done
[ -n "$work" ] || { usage >&2 && exit 64; }
[ -s "$work/inputs.txt" ] || wrong "$work/inputs.txt is missing: a line an input of shard" 66
work=$(readlink -f "$work")
[ "$status" = no ] || { show_status && exit 0; }
[ -x "$HEARTH_BIN/shard" ] || wrong "no tools in HEARTH_BIN=$HEARTH_BIN: set it in env.sh" 78
command -v sbatch >/dev/null || [ "$dry_run" = yes ] || wrong "no sbatch here: run this on a login node" 69
export HEARTH_SLURM HEARTH_BIN HEARTH_PIPELINE=$work
check_shards
submit_all
