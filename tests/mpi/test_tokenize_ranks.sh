#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tokenize encode over several ranks: the same documents as one rank's, for any number of them, behind an index that
# every tool takes as one file; parts that do not belong to it are refused.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
. "$HEARTH_SOURCE/tests/mpi/ranks.sh"

plain='--near-duplicates keep --repeated-passages keep --quality none --privacy all=keep -q'
corpora=
for c in 1 2 3 4 5; do
  mkdir "docs$c"
  for d in 1 2 3 4 5 6 7 8; do
    echo "Corpus $c, document $d: $((c * d)) is what $c times $d makes, and $((c + d)) what they make together." >"docs$c/$d.txt"
  done
  # shellcheck disable=SC2086
  expect_exit 0 '' shard "docs$c" -o "corpus$c.h5" --validation-fraction 0.2 $plain
  corpora="$corpora corpus$c.h5"
done
expect_exit 0 '' tokenize train --vocab bytes -o tokenizer.json -q
encode="tokenize encode $corpora --tokenizer tokenizer.json"

# shellcheck disable=SC2086
{
  expect_exit 0 '' $encode -o one.h5
  expect_exit 0 '' tokenize cat one.h5
  cp "$out" one.jsonl
  for n in 2 3 7; do  # of seven ranks two have no block
    expect_exit 0 '' ranks $n $encode -o of$n.h5
    expect_exit 0 '' tokenize cat of$n.h5
    cmp -s "$out" one.jsonl || fail "$n ranks encoded other documents than one"
    [ "$(ls of$n.h5.parts | wc -l)" -eq $n ] || fail "of$n.h5.parts holds $(ls of$n.h5.parts)"
  done
  expect_exit 0 '' tokenize cat of3.h5 --split train --first 10 --limit 5
  [ "$(wc -l <"$out")" -eq 5 ] || fail "5 documents wanted"
  sed -n '/"split":"train"/p' one.jsonl | sed -n '11,15p' | cmp -s - "$out" || fail "--first counts within parts"
  expect_exit 0 '' tokenize decode of3.h5 --tokenizer tokenizer.json --skip-special
  cp "$out" three.text
  expect_exit 0 '' tokenize decode one.h5 --tokenizer tokenizer.json --skip-special
  cmp -s "$out" three.text || fail "decode reads another text from parts"
  expect_exit 0 '' tokenize inspect tokenizer.json --tokens of7.h5 --json
  cp "$out" seven.json
  expect_exit 0 '' tokenize inspect tokenizer.json --tokens one.h5 --json
  cmp -s "$out" seven.json || fail "inspect counts parts otherwise"
  expect_exit 0 '' pretrain --depth 1 --context 32 --data of3.h5 --steps 2 --batch-tokens 64 --eval-tokens 64 -o run -q

  # A second time refused, replaced on request, by another number of ranks.
  expect_exit 73 'of3.h5' ranks 3 $encode -o of3.h5
  expect_exit 0 '' ranks 2 $encode -o of3.h5 --overwrite
  [ "$(ls of3.h5.parts | wc -l)" -eq 2 ] || fail "old parts are left: $(ls of3.h5.parts)"
  expect_exit 0 '' tokenize cat of3.h5
  cmp -s "$out" one.jsonl || fail "replaced by other documents"

  # Another part than the index was made with; a part that is not there; an index where one file is meant.
  other=$(ls of7.h5.parts | head -n 1)
  cp "of7.h5.parts/$(ls of7.h5.parts | sed -n 2p)" "of7.h5.parts/$other"
  expect_exit 65 'not the one it was made with' tokenize cat of7.h5
  rm "of2.h5.parts/$(ls of2.h5.parts | tail -n 1)"
  expect_exit 66 'of2.h5.parts' pretrain --depth 1 --data of2.h5 -o none --dry-run
  expect_exit 64 'one process' ranks 2 tokenize encode - --tokenizer tokenizer.json
}
