#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pretrain on meshes over real MPI: the losses of one rank, the same bits twice, checkpoints that any mesh goes on from,
# and meshes that do not fit, named. The many meshes are in tests/lib/train/test_mesh.cpp.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
. "$HEARTH_SOURCE/tests/mpi/ranks.sh"
. "$HEARTH_SOURCE/tests/tools/pretrain_fixture.sh"

wide='"mixer": {"kind": "gqa", "heads": 4, "kv_heads": 4, "head_dim": 8, "qk_norm": true}, "rope": {"theta": 10000, "dims": 8}'
dense="{$wide, \"ffn\": {\"kind\": \"glu\", \"ffn\": 48}}"
mixture="{$wide, \"ffn\": {\"kind\": \"moe\", \"experts\": 4, \"k\": 2, \"ffn\": 16, \"shared_ffn\": 16}}"
model_json 32 '"dense", "dense"' >wide.json
model_json 32 '"dense", "mixture"' >experts.json

options='--data tokens.h5 --batch-tokens 224 --microbatch-tokens 64 --eval-tokens 500 --lr 0.001 --log-level warning'
dense="--model wide.json $options"
moe="--model experts.json $options"

# shellcheck disable=SC2086
# on_mesh KIND N OPTIONS...: a run like runs/KIND on N ranks, in runs/KIND-N-OPTIONS, told in $run.
on_mesh() {
  kind=$1 n=$2
  shift 2
  run="runs/$kind-$n$(printf '%s' "$*" | tr -d ' ')"
  case $kind in
    dense) set -- $dense "$@" ;;
    moe) set -- $moe "$@" ;;
  esac
  set -- "$@" --steps 12 -o "$run"
  expect_exit 0 '' ranks "$n" pretrain "$@"
}

# shellcheck disable=SC2086
{
  expect_exit 0 '' pretrain $dense --steps 12 -o runs/dense
  for mesh in '2 --cp 2' '3 --cp 3' '4 --pp 2 --cp 2' '4 --pp 2 --tp 2'; do  # 4 heads by 3: a ring
    on_mesh dense $mesh
    expect_close runs/dense "$run" 1e-5
  done
  cp -r "$run" runs/first && rm -r "$run"
  on_mesh dense $mesh
  [ "$(weights runs/first)" = "$(weights "$run")" ] || fail "the same mesh gave other bits the second time"

  # Experts are chosen by comparison: a rounding may choose another one.
  expect_exit 0 '' pretrain $moe --steps 12 -o runs/moe
  for mesh in '4 --ep 4' '4 --ep 4 --moe-headroom 0.4' '4 --pp 2 --ep 2' '4 --tp 2 --ep 2'; do
    on_mesh moe $mesh
    expect_close runs/moe "$run" 1e-4
  done
  grep -q '"expert_rounds":[2-9]' runs/moe-4--ep4--moe-headroom0.4/metrics.jsonl || fail 'rounds are not told'
  expect_exit 0 '' pretrain $moe --dtype bf16 --steps 12 -o runs/bf16
  expect_exit 0 '' ranks 4 pretrain $moe --dtype bf16 --tp 2 --ep 2 --steps 12 -o runs/bf16-mesh
  expect_close runs/bf16 runs/bf16-mesh 2e-2

  # From a mesh to one rank, to another mesh, and back; the optimiser's state of the last is the first's.
  expect_exit 0 '' ranks 4 pretrain $moe --tp 2 --ep 2 --steps 12 --checkpoint-every 4 --keep 9 -o runs/reshaped
  rm -r runs/reshaped/step-00000008 runs/reshaped/step-00000012
  expect_exit 0 '' pretrain $moe --steps 12 --checkpoint-every 4 --keep 9 -o runs/reshaped
  rm -r runs/reshaped/step-00000012
  expect_exit 0 'another mesh' ranks 4 pretrain $moe --pp 2 --cp 2 --ep 2 --steps 12 --checkpoint-every 4 --keep 9 -o runs/reshaped
  expect_close runs/moe runs/reshaped 1e-4
  expect_exit 0 '' hearth export --model "$run" --to hf -o dist
  expect_file dist/model.safetensors

  # Room for experts' rows is chosen anew when a run goes on, and by all ranks alike.
  expect_exit 0 '' ranks 4 pretrain $moe --ep 4 --moe-headroom 0.7 --steps 12 --dry-run --json -o runs/moe-4--ep4
  expect_stdout '"expert_headroom": ?0\.7'
  expect_exit 78 '--moe-headroom of rank 1 differ' mpirun --oversubscribe -np 1 pretrain $moe --ep 2 --steps 2 -o runs/wrong \
    : -np 1 pretrain $moe --ep 2 --moe-headroom 0.7 --steps 2 -o runs/wrong

  # Meshes that do not fit.
  expect_exit 78 'does not divide the 2 ranks' ranks 2 pretrain $dense --tp 3 --steps 2 -o runs/wrong
  expect_exit 78 'does not divide the 1 heads for keys and values' ranks 2 pretrain --model moe.json $options --tp 2 --steps 2 -o runs/wrong
  expect_exit 78 'does not divide the 4 experts' ranks 3 pretrain $moe --ep 3 --steps 2 -o runs/wrong
  expect_exit 78 'more stages than the 2 layers' ranks 3 pretrain $dense --pp 3 --steps 2 -o runs/wrong
  expect_exit 78 'no experts to spread' ranks 2 pretrain $dense --ep 2 --steps 2 -o runs/wrong

  # Every rank holds its share of the kernels' work against the reference.
  told=$(printf '%s' "$dense" | sed 's/warning/info/')
  expect_exit 0 'kernels and reference: loss differs by' ranks 4 pretrain $told --pp 2 --cp 2 --check-kernels --steps 2 -o runs/checked
  told=$(printf '%s' "$moe" | sed 's/warning/info/')
  expect_exit 0 'kernels and reference: loss differs by' ranks 4 pretrain $told --tp 2 --ep 2 --check-kernels --steps 2 -o runs/checked-moe
}
[ "$failures" -eq 0 ]
