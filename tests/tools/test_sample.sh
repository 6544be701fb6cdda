#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# hearth sample: text from a model, the same for the same seed, always valid UTF-8.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

cp -r "$HEARTH_SOURCE/tests/golden/hf/dots1" model
expect_exit 66 'model: has no tokenizer.json' hearth sample --model model

# A tokenizer of fewer than the model's 272 ids, as with padded vocabularies: the others are never drawn.
mkdir texts
for number in 1 2 3 4 5 6 7 8; do seq "$number" 7 900 | tr '\n' ' ' >"texts/$number.txt"; done
expect_exit 0 '' hearth shard texts -o corpus.h5 --quality none
expect_exit 0 '' hearth tokenize train corpus.h5 --vocab-size 272 -o model/tokenizer.json

expect_exit 0 '40 tokens, .* tokens/s, seed 7' hearth sample --model model --prompt 'Abc' --max-tokens 40 --keep-going --seed 7
expect_stdout '^Abc'
expect 'the text is valid UTF-8' iconv -f UTF-8 -t UTF-8 -o /dev/null "$out"
cp "$out" first
expect_exit 0 '' hearth sample --model model --prompt 'Abc' --max-tokens 40 --keep-going --seed 7 --threads 1
expect_golden first
expect_exit 0 '' hearth sample --model model --prompt 'Abc' --max-tokens 40 --keep-going --seed 8
cmp -s "$out" first && fail 'another seed gives the same text'

# Greedy: whatever the seed, and as the likeliest of one.
expect_exit 0 '' hearth sample --model model --prompt 'Abc' --max-tokens 20 --keep-going --temperature 0 --seed 1
cp "$out" first
expect_exit 0 '' hearth sample --model model --prompt 'Abc' --max-tokens 20 --keep-going --top-k 1 --seed 2
expect_golden first

# More than the context of 64, from a hearth run, as JSON, from nothing.
expect_exit 0 '' hearth export --model model --to hearth -o run
expect_exit 0 '' hearth sample --model run --max-tokens 100 --keep-going --json --dtype bf16
expect_stdout '^\{"schema":"hearth.sample/1","model":"run","prompt":"","text":".*"finish":"length","seed":1,"tokens_per_second":'

expect_exit 64 '' hearth sample --prompt x
expect_exit 64 'temperature' hearth sample --model run --temperature -1
expect_exit 64 'top-p' hearth sample --model run --top-p 0
expect_exit 64 'max-tokens' hearth sample --model run --max-tokens 0
expect_exit 66 'none: No such file' hearth sample --model none
