#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A run that is killed (SIGKILL) again and again and started again ends with the bytes of one that was left alone:
# weights, optimiser and log; dense and mixture, fp32 and bf16. A signal ends a run with 75 after a checkpoint.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
. "$HEARTH_SOURCE/tests/tools/pretrain_fixture.sh"

common='--data tokens.h5 --batch-tokens 128 --microbatch-tokens 64 --eval-tokens 500 --steps 120 --eval-every 25 --checkpoint-every 10 -q'

# Waits until the run has written the checkpoint of step $2 or later, then kills the process $3.
kill_after() {
  while kill -0 "$3" 2>/dev/null; do
    for folder in "$1"/step-*[0-9]; do
      number=${folder##*step-}
      case $number in *[!0-9]*) continue ;; esac
      [ "$(printf '%s' "$number" | sed 's/^0*//')" -ge "$2" ] && kill -9 "$3" 2>/dev/null && return
    done
    sleep 0.01
  done
}

for model in dense moe; do
  for dtype in fp32 bf16; do
    run=$model-$dtype
    # shellcheck disable=SC2086  # a list of options
    expect_exit 0 '' pretrain --model $model.json --dtype $dtype $common -o whole-$run
    for step in 20 70; do
      # shellcheck disable=SC2086
      pretrain --model $model.json --dtype $dtype $common -o broken-$run >/dev/null 2>&1 &
      process=$!
      kill_after broken-$run $step $process
      code=0
      wait $process 2>/dev/null || code=$?
      [ $code -eq 137 ] || fail "$run was to be killed after step $step, but ended with $code"
    done
    # shellcheck disable=SC2086
    expect_exit 0 '' pretrain --model $model.json --dtype $dtype $common -o broken-$run --resume must
    expect_same_run whole-$run broken-$run step-00000120
    [ "$(grep -c '"event":"start"' broken-$run/metrics.jsonl)" -gt 1 ] || fail "$run never resumed"
  done
done

# TERM: the step is finished and saved, exit 75, and the same command goes on to the same end.
# shellcheck disable=SC2086
pretrain --model dense.json --dtype fp32 $common -o stopped >/dev/null 2>stopped.err &
process=$!
while [ ! -e stopped/step-00000010 ] && kill -0 $process 2>/dev/null; do sleep 0.01; done
kill -TERM $process
code=0
wait $process || code=$?
[ $code -eq 75 ] || fail "TERM: exit code $code, wanted 75: $(cat stopped.err)"
grep -q 'stopped at step [0-9]* after saving: the same command goes on' stopped.err || fail "TERM: $(cat stopped.err)"
# shellcheck disable=SC2086
expect_exit 0 '' pretrain --model dense.json --dtype fp32 $common -o stopped
expect_same whole-dense-fp32/step-00000120/part-00000.h5 stopped/step-00000120/part-00000.h5

# A time limit does the same.
# shellcheck disable=SC2086
expect_exit 75 'the same command goes on' pretrain --model dense.json --dtype fp32 $common -o limited --max-hours 0.0000001
# shellcheck disable=SC2086
expect_exit 0 '' pretrain --model dense.json --dtype fp32 $common -o limited
expect_same whole-dense-fp32/step-00000120/part-00000.h5 limited/step-00000120/part-00000.h5
