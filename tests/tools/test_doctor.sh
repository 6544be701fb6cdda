#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# hearth doctor on this machine, which must be healthy, and with a temporary folder that is not.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

expect_exit 0 '' hearth doctor
for line in '^machine$' 'cores +[1-9]' '^libraries$' 'HDF5 +1\.' 'Highway +[0-9]' 'temporary folder +ok' 'HDF5 with zstd +ok' '^parsers$' 'pdftotext +(ok|warning) +.' 'without network +(ok|warning) +.' \
  'exact rows, f32 +ok' 'exact rows, bf16 +ok' 'product of two 1024 x 1024, f32 +[0-9.]+ .?FLOP/s' \
  'training step, fast against reference +ok +differ by' '^gpu$' '^All checks passed'; do
  expect_stdout "$line"
done
expect_no_stdout 'FAILED'

expect_exit 0 '' hearth-doctor --json --threads 1
expect_stdout '^\{"schema":"hearth.doctor/1","healthy":true,'
expect_stdout '"name":"threads","status":"fact","value":"1","number":1'

expect_exit 69 '1 of [0-9]+ checks failed' hearth doctor --tmpdir "$work/none"
expect_stdout 'temporary folder +FAILED .*none: No such file or directory'
expect_stdout '-> name a folder that can be written to by --tmpdir'
expect_exit 69 'checks failed' hearth doctor --json --tmpdir "$work/none"
expect_stdout '"healthy":false'
expect_no_stdout 'All checks passed'

expect_exit 64 "option '--jsno'" hearth doctor --jsno
