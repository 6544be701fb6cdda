#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# hearth doctor before a training, on a private cluster of which one node has a seventh of a core: warn names it and
# trains; exclude trains without it.
export NODES=3
# shellcheck source=tests/slurm/support.sh
. "$HEARTH_SOURCE/tests/slurm/support.sh"
cluster slow 2 15 || skip "no cgroup can be made that limits processors"

expect_exit 0 '' shard "$work/documents" -o corpus.h5 -q --validation-fraction 0.1 --near-duplicates keep --repeated-passages keep --quality none --privacy all=keep
expect_exit 0 '' tokenize train --vocab bytes -o tokenizer.json -q
expect_exit 0 '' tokenize encode corpus.h5 --tokenizer tokenizer.json -o tokens.h5 -q
train() { # RUN SBATCH_OPTION...
  timeout 20 sbatch --parsable --mem=500 --ntasks-per-node=1 -t 10 -o "$1.log" "${@:2}" "$HEARTH_SLURM/pretrain.sbatch" "$1" \
    --depth 1 --context 32 --batch-tokens 128 --steps 10 --eval-tokens 500 --threads 1 --data tokens.h5 --log-level warning >/dev/null ||
    fail "$1 was not submitted"
}
export HEARTH_THREADS=1

sed -i 's/HEARTH_DOCTOR=off/HEARTH_DOCTOR=warn/' env.sh
train warned -N3
wait_for 200 "the warned run is done" grep -q 'done at step 10' warned.slurm/log || tail -n 30 warned.log
expect "the slow node is named" grep -Eq 'hearth doctor \(exit 1, .*slow: n2 product of matrices .*, [0-9.]+ % of the median' warned.slurm/log
expect "all three are in the report" [ "$(grep -cE '^ *[0-2] +n[1-3] +.* ok *$' warned.slurm/doctor-*.txt)" = 3 ] || cat warned.slurm/doctor-*.txt
expect "it trains on all nodes, at once" [ "$(grep -c ': start ' warned.slurm/log)" = 1 ]
expect_no_file warned.slurm/exclude

sed -i 's/HEARTH_DOCTOR=warn/HEARTH_DOCTOR=exclude/' env.sh
train excluded -N2
wait_for 100 "the slow node is excluded" grep -qx n2 excluded.slurm/exclude || tail -n 30 excluded.log
sed -i 's/HEARTH_DOCTOR=exclude/HEARTH_DOCTOR=warn/' env.sh  # read at each start: a busy machine may slow the others down
wait_for 200 "the other run is done" grep -q 'done at step 10' excluded.slurm/log || tail -n 30 excluded.log
expect "it first got the slow node" grep -Eq ': start 0 on n\[1-2\]' excluded.slurm/log
expect "and excluded it alone" [ "$(cat excluded.slurm/exclude)" = n2 ]
expect "then trained on others" grep -q ': start 1 on n\[1,3\]' excluded.slurm/log
grep -h 'hearth doctor (' ./*.slurm/log
[ "$failures" -eq 0 ]
