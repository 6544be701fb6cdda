#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Searches options of pretrain by successive halving: all trials train up to a first step, the better part of them goes on
# from its checkpoints to the next, and so on to the end. Everything is in one folder:
#   SWEEP/space.txt          what is tried, a line an option:  lr = 1e-3 2e-3 4e-3
#   SWEEP/pretrain.conf      what is the same in all trials (data, depth, steps), as key = value
#   SWEEP/trials/007/        pretrain.conf: what this trial tries; run/: its run folder
#   SWEEP/leaderboard.tsv report.html      made anew after each round
set -euo pipefail
HEARTH_SLURM=$(dirname "$(readlink -f "$0")")
# shellcheck source=slurm/env.sh
. "${HEARTH_ENV:-$HEARTH_SLURM/env.sh}"

usage() {
  cat <<'END'
Usage: slurm/sweep.sh SWEEP --rungs STEP,STEP... [--trials N] [--keep SHARE] [--at-once N] [--dry-run]
       slurm/sweep.sh SWEEP --status

  --rungs STEPS   steps at which trials are compared, as 200,600; those that are left then train to the end
  --keep SHARE    share of the trials that goes on after each (default 0.34); at least one does
  --trials N      of all combinations in space.txt try N, drawn at random with a fixed seed (default: all)
  --at-once N     trials that run at the same time (default: as many as there is room for)
  --dry-run       print the trials and submit nothing
  --status        the leaderboard as it stands, also written to leaderboard.tsv and report.html
END
}

wrong() { echo "sweep.sh: $1" >&2 && exit "${2:-64}"; }

combinations() { # every choice of a value of each line of space.txt: "lr = 1e-3;weight-decay = 0.1"
  awk -F ' *= *' '/^[a-z]/ { n++; name[n] = $1; count[n] = split($2, values, " "); for (i in values) value[n, i] = values[i] }
    END {
      total = n > 0; for (k = 1; k <= n; k++) total *= count[k]
      for (c = 0; c < total; c++) {
        rest = c; line = ""
        for (k = n; k >= 1; k--) { line = name[k] " = " value[k, rest % count[k] + 1] (line == "" ? "" : ";" line); rest = int(rest / count[k]) }
        print line
      }
    }' "$sweep/space.txt"
}

drawn() { # N: so many of the lines, in their order; 0: all
  awk -v n="$1" 'BEGIN { srand(1) } { line[NR] = $0 }
    END { left = n > 0 && n < NR ? n : NR; for (i = 1; i <= NR; i++) if (rand() * (NR - i + 1) < left) { print line[i]; left-- } }'
}

make_trials() {
  local number=0 line folder
  mkdir -p "$sweep/trials" "$sweep/logs"
  while read -r line; do
    number=$((number + 1))
    folder=$sweep/trials/$(printf %03d $number)
    mkdir -p "$folder"
    tr ';' '\n' <<<"$line" >"$folder/pretrain.conf"
  done
}

# "loss step trial state options" of each trial: the last held-out loss, and 1e30 when there is none.
scores() {
  local folder state
  for folder in "$sweep"/trials/*/; do
    state=$(tail -n 1 "$folder/run.slurm/log" 2>/dev/null | sed 's/^[^ ]* job [^:]*: //; s/[:(].*//')
    { grep -s '"event":"eval"' "$folder/run/metrics.jsonl" || true; } | tail -n 1 |
      sed 's/.*"step":\([0-9]*\),"loss":\([-0-9.e+]*\).*/\2\t\1/' |
      awk -v trial="$(basename "$folder")" -v state="${state:-not started}" -v what="$(paste -s -d ';' "$folder/pretrain.conf")" \
        'BEGIN { OFS = "\t"; loss = 1e30; step = 0 } { loss = $1; step = $2 } END { print loss, step, trial, state, what }'
  done
}

leaderboard() { scores | sort -t "$(printf '\t')" -k2,2nr -k1,1g; }  # the furthest first, then the best

report() {
  leaderboard >"$sweep/leaderboard.tsv"
  {
    echo '<!DOCTYPE html><meta charset="utf-8"><title>sweep</title><style>body{font:15px sans-serif;margin:2em}'
    echo 'td,th{padding:2px 12px;text-align:left;border-bottom:1px solid #ddd}</style><h1>Sweep</h1>'
    echo "<p>$(date -u +%FT%TZ): held-out loss of each trial, best first among those that came as far. Below: over the steps.</p>"
    echo '<table><tr><th>trial<th>step<th>held-out loss<th>options<th>last word</tr>'
    awk -F '\t' '{ gsub(/&/, "\\&amp;"); gsub(/</, "\\&lt;")
      printf "<tr><td>%s<td>%d<td>%s<td>%s<td>%s</tr>\n", $3, $2, ($1 > 1e29 ? "none" : sprintf("%.4f", $1)), $5, $4 }' "$sweep/leaderboard.tsv"
    echo '</table><svg viewBox="0 0 800 400" width="800" style="margin-top:2em">'
    grep -Hs '"event":"eval"' "$sweep"/trials/*/run/metrics.jsonl |
      sed 's:.*/trials/\([0-9]*\)/run/metrics.jsonl.*"step"\:\([0-9]*\),"loss"\:\([-0-9.e+]*\).*:\1 \2 \3:' | curves
    echo '</svg>'
  } >"$sweep/report.html"
}

curves() { # "trial step loss" lines to polylines
  awk '{ n++; trial[n] = $1; x[n] = $2; y[n] = $3; if ($2 > right) right = $2; if (n == 1 || $3 > top) top = $3; if (n == 1 || $3 < low) low = $3 }
    END {
      if (right == 0) right = 1; if (top == low) top = low + 1
      for (i = 1; i <= n; i++) {
        if (trial[i] != last) { if (last != "") print "\"/>"; last = trial[i]; hue = (137 * last) % 360
          printf "<polyline fill=\"none\" stroke=\"hsl(%d,70%%,45%%)\" stroke-width=\"1.5\" points=\"", hue }
        printf "%.1f,%.1f ", 40 + 740 * x[i] / right, 380 - 360 * (y[i] - low) / (top - low)
      }
      if (last != "") print "\"/>"
      printf "<text x=\"0\" y=\"16\" font-size=\"12\">%.3f</text><text x=\"0\" y=\"384\" font-size=\"12\">%.3f</text>", top, low
      printf "<text x=\"700\" y=\"398\" font-size=\"12\">step %d</text>\n", right
    }'
}

survivors() { # STEP SHARE: the trials that measured at STEP, the better SHARE of them, as sbatch --array takes them
  leaderboard | awk -F '\t' -v step="$1" '$2 == step && $1 < 1e29 { print $3 + 0 }' |
    awk -v share="$2" '{ trial[NR] = $1 } END { n = int(NR * share + 0.5); if (n < 1) n = 1; if (n > NR) n = NR
      for (i = 1; i <= n; i++) printf "%s%s", (i > 1 ? "," : ""), trial[i] }'
}

submit_round() { # TRIALS RUNG...: up to the first rung, and a job behind it that judges and submits the next
  local list=$1 step=${2:-0} job
  shift $(($# > 1 ? 2 : 1))
  job=$(sbatch --parsable "${HEARTH_SBATCH[@]}" "${HEARTH_SBATCH_PRETRAIN[@]}" --job-name=hearth-sweep \
    --output="$sweep/logs/%x-%a.log" --array="$list${at_once:+%$at_once}" "$HEARTH_SLURM/sweep.sbatch" "$sweep" "$step")
  echo "trials $list to $([ "$step" = 0 ] && echo the end || echo "step $step"): job $job"
  sbatch --parsable "${HEARTH_SBATCH[@]}" --ntasks=1 --time=10 --job-name=hearth-sweep-judge --dependency="afterany:$job" \
    --output="$sweep/logs/judge.log" --open-mode=append --wrap \
    "'$HEARTH_SLURM/sweep.sh' '$sweep' --after $step --rungs '$(IFS=, && echo "$*")' --keep $keep ${at_once:+--at-once $at_once}" >/dev/null
}

advance() { # after a round to step $after: judges it, and starts the next
  local list
  report
  [ "$after" != 0 ] || { echo "the sweep is done: $sweep/report.html" && head -n 1 "$sweep/leaderboard.tsv" && return; }
  list=$(survivors "$after" "$keep")
  [ -n "$list" ] || wrong "no trial came to step $after: see $sweep/logs" 70
  # shellcheck disable=SC2086
  submit_round "$list" ${rungs//,/ }
}

sweep='' rungs='' keep=0.34 trials=0 at_once='' dry_run=no status=no after=''
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage && exit 0 ;;
    --rungs) rungs=${2?--rungs takes steps} && shift ;;
    --keep) keep=${2?--keep takes a share} && shift ;;
    --trials) trials=${2?--trials takes a number} && shift ;;
    --at-once) at_once=${2?--at-once takes a number} && shift ;;
    --after) after=${2?--after takes a step} && shift ;;  # of the job that judges
    --dry-run) dry_run=yes ;;
    --status) status=yes ;;
    -*) wrong "unknown option '$1'; --help lists them" ;;
    *) [ -z "$sweep" ] || wrong "one folder, not also '$1'" && sweep=$1 ;;
  esac
  shift
done
[ -n "$sweep" ] || { usage >&2 && exit 64; }
[ -s "$sweep/space.txt" ] || wrong "$sweep/space.txt is missing: a line an option and its values" 66
[ -s "$sweep/pretrain.conf" ] || wrong "$sweep/pretrain.conf is missing: the options of all trials" 66
sweep=$(readlink -f "$sweep")
export HEARTH_SLURM HEARTH_BIN
if [ "$status" = yes ]; then
  report
  awk -F '\t' 'BEGIN { printf "%-6s %-8s %-10s %-40s %s\n", "TRIAL", "STEP", "LOSS", "OPTIONS", "LAST WORD" }
    { printf "%-6s %-8d %-10s %-40s %s\n", $3, $2, ($1 > 1e29 ? "none" : sprintf("%.4f", $1)), $5, $4 }' "$sweep/leaderboard.tsv"
  exit 0
fi
[ -z "$after" ] || { advance && exit 0; }
[[ $rungs =~ ^[0-9]+(,[0-9]+)*$ ]] || wrong "--rungs takes steps, as 200,600, not '$rungs'"
if [ "$dry_run" = yes ]; then combinations | drawn "$trials" && exit 0; fi
[ ! -e "$sweep/trials" ] || wrong "$sweep/trials is there already: --status shows how far it is; remove it to start anew" 73
make_trials < <(combinations | drawn "$trials")
count=$(find "$sweep/trials" -mindepth 1 -maxdepth 1 | wc -l)
[ "$count" -gt 0 ] || wrong "$sweep/space.txt names no option" 65
# shellcheck disable=SC2086
submit_round "1-$count" ${rungs//,/ }
