#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# All that a machine with a GPU can tell of hearth, in under ten minutes, on nothing but its driver, CUDA's libraries and,
# for the comparisons, a python3 with PyTorch. Run in the folder that `make device-bundle` makes, or in a build:
#
#   tests/gpu/run.sh [-o FOLDER] [--only "doctor tests"] [--seconds N] [--tiny]
#
#   doctor     what there is, and whether a training step on the GPU agrees with the reference
#   tests      tests/cuda on the GPU: every kernel and whole training steps against the host's
#   ops        each op against what the GPU copies and multiplies, ours and the libraries' (gpu_ops)
#   attention  attention's shapes, by our kernels and by cuDNN, beside PyTorch's backends (peer_attention.py)
#   moe        layers of experts beside PyTorch's grouped_mm (peer_moe.py)
#   train      pretrain itself, dense and mixture: tokens/s, losses
#   steps      training steps beside transformers' models, compiled (tests/bench/training_step_peer.py)
#   sanitizer  compute-sanitizer's memcheck and racecheck over small shapes, where it is installed
#
# Each part has its time; one that fails, is skipped or runs out of it is named in the table and in FOLDER/parts.jsonl, and
# the next begins. FOLDER/results.tar.gz holds every log, and what was measured as JSON lines. --tiny: shapes of a few
# elements, to try all this without a GPU on the build of the preset simt. Where the whole does not fit, two calls do:
# --only 'doctor tests ops attention' and --only 'moe train steps sanitizer'.
set -u
HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
HEARTH_BIN=$(cd "${HEARTH_BIN:-$ROOT/bin}" && pwd) || exit 66
PYTHON=${PYTHON:-python3}
OUT=${OUT:-gpu-results} only='doctor tests ops attention moe train steps sanitizer' seconds=570 TINY=
while [ $# -gt 0 ]; do
  case $1 in
  -o) OUT=$2 && shift 2 ;;
  --only) only=$2 && shift 2 ;;
  --seconds) seconds=$2 && shift 2 ;;
  --tiny) TINY=--tiny && shift ;;
  *) echo "run.sh: unknown option '$1'; the first lines of this file say which there are" >&2 && exit 64 ;;
  esac
done
[ -x "$HEARTH_BIN/gpu_ops" ] || { echo "run.sh: no programs in $HEARTH_BIN: name their folder by HEARTH_BIN" >&2; exit 66; }
mkdir -p "$OUT" && packed=$(cd "$OUT" && pwd) || exit 73
SCRATCH=$(mktemp -d) || exit 73
OUT=$SCRATCH/results
mkdir "$OUT"
trap 'rm -rf "$SCRATCH"' EXIT
started=$(date +%s)
: >"$OUT/parts.jsonl"

# cuBLASLt, cuDNN and NCCL lie in python's packages where they are not installed by themselves.
for library in libcublasLt.so.13 libcudnn.so.9 libnccl.so.2; do
  ! ldconfig -p 2>/dev/null | grep -q "$library" && [ ! -e "/usr/local/cuda/lib64/$library" ] || continue
  found=$("$PYTHON" -c 'import glob, sys
for path in sys.path:
    for folder in glob.glob(path + "/nvidia/*/lib"):
        if glob.glob(folder + "/" + sys.argv[1]): print(folder)' "$library" 2>/dev/null | head -n 1)
  [ -z "$found" ] || export LD_LIBRARY_PATH="$found${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
done

elapsed() { echo $(($(date +%s) - started)); }
tell() { tail -n "$2" "$OUT/$1.log" | cut -c 1-220 | sed 's/^/  /'; }

# part NAME SECONDS LINES COMMAND...: COMMAND into $OUT/NAME.log, and the last LINES of that to the terminal.
part() {
  name=$1 limit=$2 lines=$3
  shift 3
  case " $only " in *" $name "*) ;; *) return ;; esac
  [ -z "$TINY" ] || limit=$((limit * 2))  # the host is slower
  left=$((seconds - $(elapsed)))
  [ "$limit" -lt "$left" ] || limit=$left
  begin=$(date +%s) code=0
  printf '\n== %s\n' "$name"
  if [ "$limit" -lt 5 ]; then
    state='no time left'
  else
    timeout -k 5 "$limit" "$@" >"$OUT/$name.log" 2>&1 || code=$?
    case $code in
    0) state=ok ;;
    69) state='not available' ;;
    77) state=skipped ;;
    124 | 137) state="out of its $limit s" ;;
    *) state="FAILED, exit code $code" ;;
    esac
    tell "$name" "$lines"
  fi
  took=$(($(date +%s) - begin))
  printf '{"part":"%s","state":"%s","seconds":%d}\n' "$name" "$state" "$took" >>"$OUT/parts.jsonl"
  cp "$OUT/parts.jsonl" "$packed/"
  tar -czf "$packed/results.tar.gz" -C "$SCRATCH" results  # now, as the whole may be stopped from outside
}

if ! command -v "$PYTHON" >/dev/null; then  # what needs it is skipped, and says why
  printf '#!/bin/sh\necho "skipped: no %s"\nexit 77\n' "$PYTHON" >"$SCRATCH/no_python"
  chmod +x "$SCRATCH/no_python"
  PYTHON=$SCRATCH/no_python
fi
export HERE ROOT HEARTH_BIN PYTHON OUT TINY SCRATCH
part doctor 60 60 "$HEARTH_BIN/hearth-doctor"
part tests 150 30 sh "$HERE/run_tests.sh"
part ops 90 80 sh -c '"$HEARTH_BIN/gpu_ops" --set ops $TINY >"$OUT/ops.jsonl"'
part attention 100 50 sh -c '"$PYTHON" "$HERE/peer_attention.py" --ops "$HEARTH_BIN/gpu_ops" $TINY -o "$OUT/attention.jsonl"'
part moe 100 20 sh -c '"$PYTHON" "$HERE/peer_moe.py" --ops "$HEARTH_BIN/gpu_ops" $TINY -o "$OUT/moe.jsonl"'
part train 80 20 sh "$HERE/run_pretrain.sh"
part steps 150 10 sh -c '
  [ -z "$TINY" ] && shape="--device cuda --compile --depth 12 --rows 16 --context 2048 --vocab 32768 --steps 8" ||
    shape="--depth 2 --rows 1 --context 16 --vocab 64 --steps 1 --threads 1"
  "$PYTHON" "$ROOT/tests/bench/training_step_peer.py" --bench "$HEARTH_BIN/bench_training_step" $shape --dtype bf16 >"$OUT/steps.jsonl"'
part sanitizer 120 20 sh "$HERE/run_sanitizer.sh"

printf '\n== in short (%d s)\n' "$(elapsed)"
sed 's/{"part":"\(.*\)","state":"\(.*\)","seconds":\(.*\)}/\1|\2|\3/' "$OUT/parts.jsonl" |
  while IFS='|' read -r name state took; do printf '  %-10s %-24s %4d s\n' "$name" "$state" "$took"; done
echo "  what they said and measured: $packed/results.tar.gz"
! grep -q FAILED "$OUT/parts.jsonl"
