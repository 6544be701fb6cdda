#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pretrain --dry-run --nodes: a plan for a cluster that is not at hand, without data, folder or GPU.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

expect_exit 0 '' pretrain --model llama-3.1-405b --tokens 15T --nodes 2048 --gpu h100 --dry-run
expect_stdout 'waiting for the slowest +[0-9.]+ (m?s)  [0-9.]+ %'
expect_stdout '^15 T tokens: .* GPU hours$'
expect_exit 0 '' pretrain --model mistral-small-4 --nodes 16 --gpu h200 --dry-run --json
expect_stdout '"schema":"hearth.pretrain.cluster/1"'
expect_exit 0 '' pretrain --depth 24 --moe --nodes 2 --dry-run
expect_exit 0 '' pretrain --model mixtral-8x7b --nodes 4 --tp 4 --ep 8 --dry-run
! grep -- '--dp' "$out" | grep -v -e '--tp 4 --ep 8' || fail "another mesh than asked for"
printf '{"schema": "hearth.model/1", "vocab": 1000, "hidden": 128, "context": 256, "blocks": {"a": {"mixer": {"kind": "gqa",
  "heads": 2, "kv_heads": 2, "head_dim": 64}, "rope": {"theta": 10000, "dims": 64}, "ffn": {"kind": "glu", "ffn": 256}}},
  "layers": ["a", "a"]}' >model.json
expect_exit 0 '' pretrain --model model.json --nodes 1 --gpus-per-node 2 --dry-run
expect_stdout 'model.json: 2 layers'

expect_exit 64 'add --dry-run' pretrain --depth 4 --nodes 2
expect_exit 64 'say what to plan' pretrain --nodes 2 --dry-run
expect_exit 66 'known are deepseek-v3' pretrain --model llama-9 --nodes 2 --dry-run
expect_exit 64 'h100' pretrain --depth 4 --nodes 2 --gpu k80 --dry-run
expect_exit 64 'a given size' pretrain --depth auto --hours 2 --nodes 2 --dry-run
expect_exit 1 '' pretrain --model deepseek-v3 --nodes 1 --dry-run
expect_stdout 'no mesh of 8 ranks'
expect_exit 64 "data FILE" pretrain --depth 4 -o runs/a
