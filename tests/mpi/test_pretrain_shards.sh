#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pretrain --shard gradients and parameters over real MPI: the losses of one rank, the bits of the default where a step
# is one pass, checkpoints of any mode into any other, export, and memory that falls as --dry-run says. The many meshes
# are in tests/lib/train/test_mesh.cpp.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
. "$HEARTH_SOURCE/tests/mpi/ranks.sh"
. "$HEARTH_SOURCE/tests/tools/pretrain_fixture.sh"

wide='"mixer": {"kind": "gqa", "heads": 4, "kv_heads": 4, "head_dim": 8, "qk_norm": true}, "rope": {"theta": 10000, "dims": 8}'
dense="{$wide, \"ffn\": {\"kind\": \"glu\", \"ffn\": 48}}"
mixture="{$wide, \"ffn\": {\"kind\": \"moe\", \"experts\": 4, \"k\": 2, \"ffn\": 16, \"shared_ffn\": 16}}"
model_json 32 '"dense", "dense", "dense"' >wide.json
model_json 32 '"dense", "mixture"' >experts.json

options='--data tokens.h5 --batch-tokens 224 --eval-tokens 500 --lr 0.001 --log-level warning'
several='--microbatch-tokens 32'
dense="--model wide.json $options"
moe="--model experts.json $options"

# shellcheck disable=SC2086
{
  expect_exit 0 '' pretrain $dense $several --steps 12 -o runs/dense
  expect_exit 0 '' ranks 2 pretrain $dense --dtype bf16 --steps 12 -o runs/bf16-optimizer
  for shard in gradients parameters; do
    expect_exit 0 '' ranks 2 pretrain $dense $several --shard $shard --steps 12 -o runs/$shard
    expect_close runs/dense runs/$shard 1e-5
    # One pass a step: the bits of the default, masters and weights apart.
    expect_exit 0 '' ranks 2 pretrain $dense --dtype bf16 --shard $shard --steps 12 -o runs/bf16-$shard
    [ "$(weights runs/bf16-optimizer)" = "$(weights runs/bf16-$shard)" ] || fail "--shard $shard gave other bits"
  done
  expect_exit 0 '' ranks 3 pretrain $dense $several --optimizer adamw --shard parameters --steps 12 -o runs/three
  expect_exit 0 '' pretrain $dense $several --optimizer adamw --steps 12 -o runs/adamw
  expect_close runs/adamw runs/three 1e-5
  expect_exit 0 '' pretrain $moe $several --steps 12 -o runs/moe
  for mesh in '--ep 2' '--tp 2' '--pp 2 --ep 2'; do
    run="runs/moe$(printf '%s' "$mesh" | tr -d ' ')"
    expect_exit 0 '' ranks 4 pretrain $moe $several $mesh --shard parameters --steps 12 -o "$run"
    expect_close runs/moe "$run" 1e-4
  done

  # The reference kernels see the same shares.
  told=${options% --log-level *}
  expect_exit 0 'kernels and reference: loss differs by' ranks 2 pretrain --model wide.json $told --shard gradients --check-kernels --steps 2 -o runs/checked
  expect_exit 0 'kernels and reference: loss differs by' ranks 4 pretrain --model experts.json $told --tp 2 --ep 2 --shard parameters --check-kernels --steps 2 -o runs/checked-moe
  # Of tensors in shares they say what they say of whole ones.
  checked() { sed -n 's/.*kernels and reference: //p' "$err" | head -n 1; }
  expect_exit 0 '' pretrain --model wide.json $told --optimizer adamw --check-kernels --steps 1 -o runs/checked-one
  one=$(checked)
  expect_exit 0 '' ranks 4 pretrain --model wide.json $told --optimizer adamw --shard parameters --check-kernels --steps 1 -o runs/checked-four
  [ "$(checked)" = "$one" ] || fail "one rank: $one; four: $(checked)"

  # From mode to mode and mesh to mesh.
  saved="$moe $several --steps 12 --checkpoint-every 3 --keep 9 -o runs/reshaped"
  back_to() { for step in 03 06 09 12; do [ $step -le "$1" ] || rm -r runs/reshaped/step-000000$step; done; }
  expect_exit 0 '' ranks 4 pretrain $saved --tp 2 --shard parameters
  back_to 03
  expect_exit 0 'another mesh' ranks 2 pretrain $saved
  back_to 06
  expect_exit 0 'another mesh' ranks 4 pretrain $saved --ep 2 --shard gradients
  back_to 09
  expect_exit 0 'another mesh' ranks 4 pretrain $saved --ep 2 --shard parameters
  expect_close runs/moe runs/reshaped 1e-4
  expect_exit 0 '' hearth export --model runs/reshaped --to hf -o dist
  expect_file dist/model.safetensors
  expect_exit 0 '' ranks 2 pretrain --model runs/reshaped $options --shard parameters --steps 3 -o runs/further

  # A model of 15 M parameters in 14 layers: the peak of a rank falls by what --dry-run says.
  attention='"mixer": {"kind": "gqa", "heads": 4, "kv_heads": 4, "head_dim": 64}, "rope": {"theta": 10000, "dims": 64}'
  cat >deep.json <<END
{"schema": "hearth.model/1", "vocab": $vocab, "hidden": 256, "context": 32, "blocks": {"dense": {$attention, "ffn": {"kind": "glu", "ffn": 1024}}},
 "layers": ["dense"$(for _ in $(seq 13); do printf ', "dense"'; done)]}
END
  deep="--model deep.json --data tokens.h5 --batch-tokens 128 --microbatch-tokens 32 --eval-tokens 32 --eval-every 0 --optimizer adamw
    --checkpoint-every 0 --steps 1 --log-level warning"
  for n in 2 4; do
    for shard in optimizer gradients parameters; do
      expect_exit 0 '' ranks $n pretrain $deep --shard $shard -o none --dry-run --json
      plan=$(sed -n 's/.*"total": *\([0-9]*\).*/\1/p' "$out")
      expect_exit 0 '' ranks $n pretrain $deep --shard $shard -o runs/deep-$n-$shard
      peak=$(sed -n 's/.*"event":"step".*"memory_bytes":\([0-9]*\).*/\1/p' runs/deep-$n-$shard/metrics.jsonl | tail -n 1)
      echo "$shard $plan $peak"
    done >falls
    awk -v n="$n" '
      NR == 1 { plan = $2; peak = $3; next }
      { said = plan - $2; fell = peak - $3; printf "%d ranks, %s: falls by %.0f MB, planned %.0f\n", n, $1, fell / 1e6, said / 1e6
        if (said < 20e6 || fell < 0.85 * said || fell > 1.15 * said) bad = 1 }
      END { exit bad || NR != 3 }' falls || fail "memory does not fall as planned: $(cat falls)"
  done

  # Mistakes.
  expect_exit 64 'optimizer, gradients, parameters' ranks 2 pretrain $dense --shard all --steps 2 -o runs/wrong
}
[ "$failures" -eq 0 ]
