#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# hearth export: round trips through both formats, the check of a folder, and what it says of bad input.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
golden=$HEARTH_SOURCE/tests/golden/hf

# --- there and back: the weights keep every bit --------------------------------------------------------------------
expect_exit 0 'has no tokenizer' hearth export --model "$golden/dots1" --to hf -o hf
expect_stdout '^hf: dots1, 1 file, .*differ from the model.s by at most 0$'
expect_exit 0 '' hearth export --model hf --to hearth -o run
expect_exit 0 '' hearth export --model run --to hf -o again --json --max-shard-bytes 1G
expect_stdout '^\{"schema":"hearth.export/1","action":"write",.*"family":"dots1",.*"files":\["model.safetensors"\],"self_check_difference":0'
expect_same hf/model.safetensors again/model.safetensors
expect_same hf/config.json again/config.json
for file in README.md generation_config.json parity.json; do expect_file "again/$file"; done
expect_exit 0 '' hearth export --model run/step-00000000 --to hf -o shards --dtype bf16 --max-shard-bytes 30k
expect_file shards/model-00001-of-00003.safetensors
expect_file shards/model.safetensors.index.json
expect 'config.json says bf16' grep -q '"dtype": "bfloat16"' shards/config.json

# Equal work gives equal bytes.
for copy in one two; do
  mkdir "$copy"
  expect_exit 0 '' hearth export --model "$golden/qwen3" --to hf -o "$copy/dist" --no-provenance
done
diff -r one/dist two/dist >/dev/null || fail "two exports with --no-provenance differ"

# --- verify ----------------------------------------------------------------------------------------------------------
for folder in hf run again shards; do
  expect_exit 0 '' hearth export --verify "$folder"
  expect_stdout "^$folder: agrees with its parity file"
done
cp -r hf changed
size=$(wc -c <changed/model.safetensors)
printf '\077\077' | dd of=changed/model.safetensors bs=1 seek=$((size - 2)) conv=notrunc 2>/dev/null
expect_exit 1 '' hearth export --verify changed
expect_stdout '^changed: DIFFERS from its parity file: largest difference of [0-9]+ logits [0-9.]+ \(prompt 1, '
expect_exit 1 '' hearth export --verify changed --json
expect_stdout '"agrees":false,"largest_difference":[0-9.]+'
expect_exit 0 '' hearth export --verify changed --tolerance 1000
rm changed/parity.json
expect_exit 66 'changed/parity.json: No such file; only folders that hearth export wrote' hearth export --verify changed
echo '{"schema": "hearth.parity/9"}' >changed/parity.json
expect_exit 65 "changed/parity.json: holds 'hearth.parity/9'" hearth export --verify changed

# --- a plan writes nothing -------------------------------------------------------------------------------------------
expect_exit 0 '' hearth export --model run --to hf -o plan --dry-run
expect_stdout '^run would become plan: dots1, 1 file, '
expect_exit 0 '' hearth export --model run --to hf -o plan --dry-run --json
expect_stdout '"action":"plan"'
expect_no_file plan
expect_no_file plan.partial

# --- wrong command lines ---------------------------------------------------------------------------------------------
expect_exit 64 '--model is missing' hearth export
expect_exit 64 '--to is missing: hf or hearth' hearth export --model run
expect_exit 64 '-o is missing' hearth export --model run --to hf
expect_exit 64 "'gguf'" hearth export --model run --to gguf -o x
expect_exit 64 '--verify stands alone' hearth export --verify hf --model run
expect_exit 64 '--max-shard-bytes belongs to --to hf' hearth export --model run --to hearth -o x --max-shard-bytes 1M
expect_exit 64 '--max-shard-bytes must be above 0' hearth export --model run --to hf -o x --max-shard-bytes 0

# --- bad inputs ------------------------------------------------------------------------------------------------------
expect_exit 66 'none: No such file or directory' hearth export --model none --to hf -o x
mkdir empty
expect_exit 65 'empty: is no model: it holds neither' hearth export --model empty --to hf -o x
expect_exit 65 'README.md: is a file; a model is a folder' hearth export --model hf/README.md --to hf -o x

cp -r hf cut
truncate -s -5 cut/model.safetensors
expect_exit 65 'cut/model.safetensors: is cut short' hearth export --model cut --to hearth -o x
cp -r shards gap
rm gap/model-00002-of-00003.safetensors
expect_exit 66 'gap/model-00002-of-00003.safetensors: No such file' hearth export --model gap --to hf -o x
sed 's/"hidden_act": "silu"/"hidden_act": "gelu"/' hf/config.json >gap/config.json
expect_exit 65 "gap/config.json: 'hidden_act' is \"gelu\"" hearth export --model gap --to hf -o x
sed 's/dots1/mamba/' hf/config.json >gap/config.json
expect_exit 65 "gap/config.json: 'model_type' is 'mamba'; hearth opens" hearth export --model gap --to hf -o x

part=$(basename run/step-00000000/part-*)
cp -r run broken
rm "broken/step-00000000/$part"
expect_exit 66 "broken/step-00000000/$part" hearth export --model broken --to hf -o x
cp "run/step-00000000/$part" "broken/step-00000000/$part"
# One bit of one weight: eight bytes without a zero are no padding between tensors.
size=$(wc -c <"run/step-00000000/$part")
for eighth in 1 2 3 4 5 6 7; do
  at=$((size * eighth / 8))
  if ! od -An -tu1 -w8 -j $at -N 8 "run/step-00000000/$part" | grep -q ' 0\( \|$\)'; then break; fi
done
byte=$(od -An -tu1 -j $at -N 1 "run/step-00000000/$part" | tr -d ' ')
printf '%b' "\\0$(printf %o $((byte ^ 64)))" | dd of="broken/step-00000000/$part" bs=1 seek=$at conv=notrunc 2>/dev/null
expect_exit 65 "broken/step-00000000" hearth export --model broken --to hf -o x
rm broken/step-00000000/index.h5
expect_exit 66 'broken/step-00000000' hearth export --model broken --to hf -o x
expect_no_file x
expect_no_file x.partial

# --- outputs that cannot be ------------------------------------------------------------------------------------------
expect_exit 73 'hf: exists already' hearth export --model run --to hf -o hf
expect_exit 73 'empty: exists and holds no parity.json' hearth export --model run --to hf -o empty --overwrite
expect_exit 0 '' hearth export --model run --to hf -o hf --overwrite --dtype bf16
expect 'the export was replaced' grep -q '"dtype": "bfloat16"' hf/config.json
expect_no_file hf.replaced
expect_exit 73 'its folder .*none does not exist' hearth export --model run --to hf -o none/x
mkdir locked
chmod 555 locked
if can_drop_privileges; then
  expect_exit 73 'locked: Permission denied|cannot write to locked' unprivileged hearth export --model run --to hf -o locked/x
fi
if mount_namespace >/dev/null; then  # a limit on the size of files cannot be seen beforehand
  expect_exit 73 'full/x: needs .* but only .* free' on_full_disk 100k hearth export --model run --to hf -o "$work/full/x"
fi
expect_exit 74 'No space left|File too large' on_full_disk 152k hearth export --model run --to hf -o "$work/full/x"
