#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program of somebody else, built against an installed hearth that was moved since, computes the logits of transformers.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

expect_exit 0 '' cmake --install "$HEARTH_BIN/.." --prefix "$work/prefix"
mv prefix moved
for folder in "$work/prefix" "$HEARTH_SOURCE" "$(dirname "$HEARTH_BIN")"; do
  expect "the package names nothing in $folder" [ -z "$(grep -rlF "$folder/" moved/lib/cmake moved/include)" ]
done
cp -R "$HEARTH_SOURCE/tests/packaging/consumer" .
expect_exit 0 '' cmake -S consumer -B built -DCMAKE_PREFIX_PATH="$work/moved"
expect_exit 0 '' cmake --build built
files_of built >files
expect "it was built from the installed headers" grep -q "^$work/moved/include/.*/model\.h$" files
expect "and libraries" grep -q "^$work/moved/lib/.*\.a$" files
others=$(grep "^$HEARTH_SOURCE/" files | grep -v "^$work/")
expect "and nothing else of hearth's: $others" [ -z "$others" ]

# The last row of logits [24, 272] f32, and behind it ids [24] i32, end the file that transformers wrote.
golden=$HEARTH_SOURCE/tests/golden/hf/qwen3
likeliest=$(tail -c 1184 "$golden/logits.safetensors" | head -c 1088 | od -An -v -tf4 -w4 | awk 'NR == 1 || $1 > most { most = $1; id = NR - 1 } END { print id, most }')
# shellcheck disable=SC2046
expect_exit 0 '' built/next_token "$golden" $(tail -c 96 "$golden/logits.safetensors" | od -An -v -td4)
expect "its token and logit are $likeliest, not $(cat "$out")" awk -v golden="$likeliest" '
  { split(golden, w); off = $2 - w[2]; exit !($1 == w[1] && off < 1e-3 && off > -1e-3) }' "$out"

# Another release is not taken for this one.
sed -i 's/hearth 0.1/hearth 99.0/' consumer/CMakeLists.txt
expect_exit 1 'requested version "99.0"' cmake -S consumer -B other -DCMAKE_PREFIX_PATH="$work/moved"
