#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pretrain over several ranks: the one-rank losses, the same bits twice, checkpoints that any number of ranks goes on
# from, ends by signal and by the death of a rank, and mistakes that are named.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
. "$HEARTH_SOURCE/tests/mpi/ranks.sh"
. "$HEARTH_SOURCE/tests/tools/pretrain_fixture.sh"

plain='--depth 2 --context 32 --data tokens.h5 --eval-tokens 500'
dense="$plain --batch-tokens 256 --lr 0.001 --log-level warning"

# shellcheck disable=SC2086
{
  expect_exit 0 '' pretrain $dense --steps 20 -o runs/one
  for n in 2 4; do
    expect_exit 0 '' ranks $n pretrain $dense --steps 20 -o runs/ranks$n
    expect_close runs/one runs/ranks$n 1e-5
    expect_exit 0 '' ranks $n pretrain $dense --steps 20 -o runs/again$n
    [ "$(weights runs/ranks$n)" = "$(weights runs/again$n)" ] || fail "$n ranks gave other bits the second time"
  done
  [ "$(grep -c '"communication_s":[0-9]' runs/ranks4/metrics.jsonl)" -eq 20 ] || fail "what ranks spend in calls is not told"
  # AdamW cuts everywhere; three ranks do not divide anything.
  expect_exit 0 '' pretrain $dense --optimizer adamw --steps 20 -o runs/adamw
  expect_exit 0 '' ranks 3 pretrain $dense --optimizer adamw --steps 20 -o runs/adamw3
  expect_close runs/adamw runs/adamw3 1e-5
  # Experts are chosen by comparison: a rounding may choose another one.
  moe='--model moe.json --data tokens.h5 --batch-tokens 128 --eval-tokens 500 --lr 0.001 --log-level warning'
  expect_exit 0 '' pretrain $moe --steps 20 -o runs/moe
  expect_exit 0 '' ranks 2 pretrain $moe --steps 20 -o runs/moe2
  expect_close runs/moe runs/moe2 1e-4
  # In bf16 the weights go around, the masters stay where they are.
  expect_exit 0 '' pretrain $dense --dtype bf16 --steps 20 -o runs/bf16
  expect_exit 0 '' ranks 2 pretrain $dense --dtype bf16 --steps 20 -o runs/bf16-2
  expect_close runs/bf16 runs/bf16-2 5e-3

  # A checkpoint of two ranks on four, and of four on one, and on as many as before with the same bits.
  expect_exit 0 '' ranks 2 pretrain $dense --steps 20 --checkpoint-every 5 --keep 9 -o runs/resumed
  [ "$(ls -d runs/resumed/step-*)" = "$(printf 'runs/resumed/step-000000%s\n' 05 10 15 20)" ] || fail "checkpoints: $(ls runs/resumed)"
  rm -r runs/resumed/step-00000015 runs/resumed/step-00000020
  cp -r runs/resumed runs/on4
  expect_exit 0 '' ranks 2 pretrain $dense --steps 20 --checkpoint-every 5 --keep 9 -o runs/resumed
  [ "$(cat runs/ranks2/step-00000020/part-*.h5 | sha256sum)" = "$(cat runs/resumed/step-00000020/part-*.h5 | sha256sum)" ] ||
    fail "going on gave other bits"
  expect_exit 0 'another mesh' ranks 4 pretrain $dense --steps 20 --checkpoint-every 5 --keep 9 -o runs/on4
  expect_close runs/one runs/on4 1e-5
  rm -r runs/on4/step-00000015 runs/on4/step-00000020
  expect_exit 0 '' pretrain $dense --steps 20 --checkpoint-every 5 --keep 9 -o runs/on4
  expect_close runs/one runs/on4 1e-5
  expect_exit 0 '' hearth export --model runs/ranks4 --to hf -o dist
  expect_file dist/model.safetensors

  # A signal to all ranks: they finish the step, save and end alike; the same command goes on.
  start_ranks 2 pretrain $dense --steps 3000 --checkpoint-every 1000 -o runs/stopped
  for _ in $(seq 200); do
    [ -e runs/stopped/metrics.jsonl ] && [ "$(losses runs/stopped | wc -l)" -ge 3 ] && break
    sleep 0.05
  done
  kill -USR1 "$launcher"  # mpirun hands it to all ranks
  wait "$launcher"
  code=$?
  [ $code -eq 75 ] || fail "stopped by a signal: exit $code"
  grep -q 'stopped at step .* after saving' "$err" || fail "no word of the stop"
  [ -e "$(ls -d runs/stopped/step-* | tail -n 1)/index.h5" ] || fail "no checkpoint after the signal"
  ls runs/stopped | grep -q partial && fail "an unfinished checkpoint was left"

  # The death of a rank ends the run; what was saved before is whole, and the run goes on from there.
  start_ranks 2 pretrain $dense --steps 3000 --checkpoint-every 20 --keep 2 -o runs/killed
  for _ in $(seq 400); do
    ls runs/killed/step-*/index.h5 >/dev/null 2>&1 && break
    sleep 0.05
  done
  kill -KILL "$(pgrep -P "$launcher" | tail -n 1)"
  wait "$launcher" && fail "a dead rank went unnoticed"
  expect_exit 75 'stopped at step' ranks 2 pretrain $dense --steps 3000 --checkpoint-every 20 --keep 2 -o runs/killed \
    --resume must --max-hours 0.0003
  ls runs/killed | grep -q partial && fail "what the dead rank left unfinished is still there"

  # What fails on one rank alone is what the first says, with its exit code; and its heartbeat does not take the blame.
  mkdir apart0 apart1
  expect_exit 73 '^pretrain: rank 1: run/.*: rank 1 does not see what rank 0 made' ranks 2 \
    sh -c 'cd apart$OMPI_COMM_WORLD_RANK && exec "$@"' sh pretrain $(echo "$dense" | sed "s|tokens.h5|$work/&|") --steps 2 -o run
  expect "rank 0 left because of another" grep -q '"end":69' apart0/run/heartbeats/rank-00000.json
  expect "rank 1 left by itself" grep -q '"end":73' apart1/run/heartbeats/rank-00001.json

  # Mistakes.
  expect_exit 78 'leaves some of 4 ranks without work' ranks 4 pretrain $plain --batch-tokens 96 --steps 3 -o runs/few
  expect_exit 64 'but this tool runs as one' ranks 2 hearth export --model runs/ranks2 --to hf -o many
  cp -r runs/ranks2 runs/other
  expect_exit 78 'was started with another --lr' ranks 2 pretrain $plain --batch-tokens 256 --lr 0.02 --steps 20 -o runs/other
  printf '%s\n' '#!/bin/sh' '[ "$OMPI_COMM_WORLD_RANK" = 1 ] && set -- "$@" --seed 7' 'exec pretrain "$@"' >differs
  chmod +x differs
  expect_exit 78 'the options of rank 1 differ from the rest' ranks 2 ./differs $dense --steps 3 -o runs/differs
}
[ "$failures" -eq 0 ]
