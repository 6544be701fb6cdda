#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The recipes of packaging/ that need what is not here, as far as they can be checked without: Spack's against a stand-in
# (SPACK_PACKAGES=REPOSITORY: also against the names in Spack's own recipes); of the container, that its parts are shell,
# and that %test passes with the tools of this build.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"

if command -v python3 >/dev/null; then
  expect_exit 0 '' python3 -B "$HEARTH_SOURCE/tests/packaging/spack_recipes.py" "$HEARTH_SOURCE" ${SPACK_PACKAGES:+"$SPACK_PACKAGES"}
  expect_no_stdout .
else
  echo "no python3: Spack's recipes are not looked at"
fi

definition=$HEARTH_SOURCE/packaging/apptainer.def
part() { awk -v part="%$1" '/^%/ { within = $1 == part; next } within' "$definition"; }
for name in post environment runscript test; do
  part $name >$name.sh
  expect "%$name is there" [ -s $name.sh ]
  expect_exit 0 '' sh -n $name.sh
  if command -v shellcheck >/dev/null; then
    expect_exit 0 '' shellcheck -s sh $name.sh
  fi
done
# In the container the tools lie in /usr/local/bin.
sed "s:/usr/local/bin:$HEARTH_BIN:g" test.sh >here.sh
expect_exit 0 '' sh here.sh
[ "$failures" -eq 0 ]
