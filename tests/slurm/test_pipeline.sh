#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# slurm/pipeline.sh on a private cluster: documents to a model that loads; twice the same; two side by side; an array of
# which one element fails, and is run again alone; what is asked wrongly.
export NODES=4
# shellcheck source=tests/slurm/support.sh
. "$HEARTH_SOURCE/tests/slurm/support.sh"

# Nothing is submitted by a dry run, and mistakes are told.
make_work one 60
expect_exit 0 '' pipeline one --dry-run
expect_stdout '^shard: sbatch .*--array=1,2,3%4 .*shard.sbatch'
expect_stdout '^pretrain: sbatch .*--dependency=afterok:\(job of encode\)'
expect "a dry run submits nothing" queue_is_empty
expect_exit 66 'inputs.txt is missing' pipeline none
expect_exit 64 "no stage 'bake'" pipeline one --from bake
expect_exit 66 'stage shard is not finished' pipeline one --from pretrain

# Two pipelines at once, one of them submitted twice at the same moment; in the other one input is missing.
make_work two 60
sed -i 's:/b$:/nothing:' two/inputs.txt
pipeline one >first.txt & first=$!
pipeline one >second.txt & second=$!
pipeline two >two.txt || fail "two was not submitted"
wait $first || fail "submitting fails"
wait $second || fail "submitting the second time fails"
expect "one of both submits" [ "$(cat first.txt second.txt | grep -c 'submitted as job')" = 5 ]
expect "the other finds it in the queue, or done" [ "$(cat first.txt second.txt | grep -c -e 'in the queue as job' -e ': done$')" = 5 ]
wait_for 120 "the first pipeline ends" test -e one/hf/parity.json
wait_for 60 "the queue runs empty" queue_is_empty

expect_exit 0 '' pipeline one --status
expect_stdout '^shard +[0-9]+ +done +3 of 3'
expect_stdout '^pretrain +[0-9]+ +done +step 60/60, loss [0-9.]+'
expect_stdout '^export +[0-9]+ +done'
expect_exit 0 '' "$HEARTH_BIN/export" --verify one/hf
expect_exit 0 '' hearth sample --model one/hf --prompt Document --max-tokens 4
expect_exit 0 '' pipeline one
expect "a finished pipeline submits nothing" [ "$(grep -c ': done$' "$out")" = 5 ]

# All inputs at once, read by two ranks: a document that stands in two of them is kept once.
cp "$work/documents/a/1.txt" "$work/documents/b/copy.txt"
make_work ranks 60
sed 's/HEARTH_SHARD_AT_ONCE=4/HEARTH_SHARD_AT_ONCE=ranks/; s/SHARD=(/SHARD=(--nodes=2 --ntasks-per-node=1 /' env.sh >ranks.sh
HEARTH_ENV=$work/ranks.sh expect_exit 0 '' pipeline ranks
wait_for 120 "the pipeline of ranks ends" test -e ranks/hf/parity.json || tail -n 5 ranks/logs/*
HEARTH_ENV=$work/ranks.sh expect_exit 0 '' pipeline ranks --status
expect_stdout '^shard +[0-9]+ +done'
expect "two ranks wrote a part each" [ "$(find ranks/shards -name '*.h5' | wc -l)" = 3 ]
expect_exit 0 '' shard cat ranks/shards/00001.h5
expect "each document once" [ "$(wc -l <"$out")" = 90 ]

# The array of the other: two of three are there, the third is named, what waited for it has gone.
expect_exit 0 '' pipeline two --status
expect_stdout '^shard +[0-9]+ +failed +2 of 3, failed: 2: .*nothing'
expect_stdout '^pretrain +[0-9]+ +failed'
expect_exit 0 '' pipeline two --status --json
expect_stdout '"stage":"shard","job":"[0-9]+","state":"failed","progress":"2 of 3, failed: 2: '
expect_no_file two/tokenizer.json
before=$(stat -c %Y two/shards/00001.h5)
sed -i 's:/nothing$:/b:' two/inputs.txt
expect_exit 0 '' pipeline two --to vocabulary
expect_stdout '^shard: submitted'
wait_for 60 "the vocabulary is learnt" test -e two/tokenizer.json
wait_for 20 "the queue runs empty" queue_is_empty
expect_file two/shards/00002.h5
expect "the finished elements are left alone" [ "$before" = "$(stat -c %Y two/shards/00001.h5)" ]
expect "only the second was run again" [ "$(ls two/logs/hearth-shard-"$(cat two/jobs/shard)"_*.log)" = "two/logs/hearth-shard-$(cat two/jobs/shard)_2.log" ]
