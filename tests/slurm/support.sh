# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced (bash) by the tests of slurm/: a private cluster of this test alone, taken down whatever happens; skips where
# there can be none. NODES, CPUS, NETNS, SLURMD_TIMEOUT: as for tests/slurm/cluster.
set -u
# shellcheck source=tests/support/tool_test.sh
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
[ "$(id -u)" = 0 ] || skip "a private Slurm needs root"
for program in munged slurmctld slurmd srun sbatch; do
  command -v "$program" >/dev/null || skip "no $program: packages slurm-wlm and munge of Debian 12"
done
[ -e "$HEARTH_BIN/libhearth_mpi.so" ] || skip "no MPI here"
export PATH=$PATH:/usr/sbin

cluster=$(mktemp -d /tmp/hs.XXXXXX)  # short: the munge socket's path may have 107 bytes
trap 'code=$?; timeout 60 "$HEARTH_SOURCE/tests/slurm/cluster" down "$cluster"; rm -rf "$cluster"; support_finish $code' EXIT
export NODES="${NODES:-4}" CPUS="${CPUS:-2}" NETNS="${NETNS:-0}" SLURMD_TIMEOUT="${SLURMD_TIMEOUT:-30}"
cluster() { timeout 90 "$HEARTH_SOURCE/tests/slurm/cluster" "$1" "$cluster" "${@:2}"; }
if ! cluster up; then
  tail -n 5 "$cluster"/log/*.log
  skip "no private Slurm comes up here"
fi
# shellcheck source=/dev/null
. "$cluster/env"

# What a site would edit: small jobs, short waits.
cat >env.sh <<END
HEARTH_BIN=$HEARTH_BIN
HEARTH_SBATCH=(--mem=500)
HEARTH_SBATCH_SHARD=(--time=5) HEARTH_SBATCH_TOKENIZE=(--time=5) HEARTH_SBATCH_EXPORT=(--time=5)
HEARTH_SBATCH_PRETRAIN=(--nodes=2 --ntasks-per-node=1 --time=10)
HEARTH_SHARD_AT_ONCE=4 HEARTH_SRUN=(--mpi=pmix) HEARTH_WAIT=10
HEARTH_AGAIN=requeue HEARTH_MAX_STOPS=5 HEARTH_MAX_FAILURES=3 HEARTH_DOCTOR=off
END
export HEARTH_ENV=$work/env.sh HEARTH_SLURM=$HEARTH_SOURCE/slurm
pipeline() { timeout 60 "$HEARTH_SLURM/pipeline.sh" "$@"; }

# wait_for SECONDS WHAT COMMAND...: until COMMAND succeeds
wait_for() {
  local limit=$1 what=$2 end
  shift 2
  end=$((SECONDS + limit))
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { fail "after $limit s not: $what"; return 1; }
    sleep 0.2
  done
}
queue_is_empty() { [ -z "$(timeout 10 squeue -h)" ]; }
losses() { sed -n 's/.*"event":"step","step":\([0-9]*\),"loss":\([-0-9.e]*\).*/\1 \2/p' "$1/metrics.jsonl"; }
step_of() { losses "$1" 2>/dev/null | tail -n 1 | cut -d ' ' -f 1; }
past_step() { [ "$(step_of "$1")" -ge "$2" ] 2>/dev/null; }
weights() { cat "$(printf '%s\n' "$1"/step-* | tail -n 1)"/part-*.h5 | sha256sum; }

# A small corpus in three folders, and the options that make it a model in seconds.
make_documents() { # FOLDER
  local folder i
  for folder in a b c; do
    mkdir -p "$1/$folder"
    for i in $(seq 30); do
      echo "Document $i of $folder tells that $((i * 7 % 13)) and $((i * 5 % 11)) make $((i * 7 % 13 + i * 5 % 11)), as anybody can check by counting." >"$1/$folder/$i.txt"
    done
  done
}
make_work() { # WORK STEPS: a pipeline's folder over the documents
  mkdir -p "$1"
  printf '%s\n' "$work"/documents/{a,b,c} >"$1/inputs.txt"
  printf '%s\n' 'quality = none' 'near-duplicates = keep' 'repeated-passages = keep' 'privacy = all=keep' 'validation-fraction = 0.1' >"$1/shard.conf"
  echo 'vocab-size = 300' >"$1/vocabulary.conf"
  printf '%s\n' 'depth = 1' 'context = 32' 'batch-tokens = 256' "steps = $2" 'eval-tokens = 500' 'eval-every = 0' \
    'checkpoint-every = 50' 'watchdog = 4' 'threads = 1' >"$1/pretrain.conf"
}
make_documents "$work/documents"
