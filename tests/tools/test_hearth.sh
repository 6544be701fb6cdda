#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The dispatcher: finds tools, keeps arguments as they are, says what is wrong.
set -u
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

# expect CODE STDOUT-OR-STDERR-PART COMMAND...
expect() {
  code=$1 part=$2
  shift 2
  "$@" >"$work/out" 2>"$work/err"
  got=$?
  if [ "$got" -ne "$code" ] || ! cat "$work/out" "$work/err" | grep -qF -- "$part"; then
    echo "FAILED: $*: exit $got, expected $code and '$part'; got:"
    cat "$work/out" "$work/err"
    failures=$((failures + 1))
  fi
}

# A folder with the dispatcher and two stand-ins: one bears the name of a shell builtin, one is internal.
mkdir "$work/bin" "$work/with space"
cp "$HEARTH_SOURCE/bin/hearth" "$work/bin/hearth"
for tool in export hearth-doctor; do
  cat >"$work/bin/$tool" <<'TOOL'
#!/bin/sh
case ${1:-} in
  --help=completion) printf '_hearth() {\n    %s) words="--to --model " ;;\n' "${0##*/}"; exit 0 ;;
  --version) echo "doctor (hearth) 9.8.7"; exit 0 ;;
esac
for argument; do printf '<%s>' "$argument"; done
echo
exit 3
TOOL
  sed -i 's/"${0##\*\/}"/"$(basename "$0" | sed s\/hearth-\/\/)"/' "$work/bin/$tool"
  chmod +x "$work/bin/$tool"
done
: >"$work/bin/serve"  # present, but no program
unset HEARTH_BIN
hearth=$work/bin/hearth

expect 3 '<--to><a b><><*>' "$hearth" export --to "a b" "" "*"
expect 3 '<--json>' "$hearth" doctor --json
expect 3 '<--help>' "$hearth" help export
expect 0 'hearth 9.8.7' "$hearth" --version
expect 0 'export     write a model' "$hearth" --help
expect 0 'doctor     check this machine' "$hearth" help
expect 64 'Usage: hearth TOOL' "$hearth"
expect 64 "unknown tool 'exprot'" "$hearth" exprot
expect 64 'the tools here are: export, doctor' "$hearth" shard
expect 64 'the tools here are: export, doctor' "$hearth" serve
expect 64 "unknown tool '.*'" "$hearth" '.*'
expect 64 "unknown option '--json'" "$hearth" --json export
expect 64 "not for 'fish'" "$hearth" completion fish
expect 0 'export) words="--to --model " ;;' "$hearth" completion bash
"$hearth" --help | grep -q '^  serve' && { echo "FAILED: a file that is no program is listed"; failures=$((failures + 1)); }

# By a symbolic link, by PATH, and with the tools elsewhere.
ln -s "$work/bin/hearth" "$work/with space/hearth"
expect 3 '<x>' "$work/with space/hearth" export x
PATH="$work/with space:$PATH" expect 3 '<x>' hearth export x
mv "$work/bin/hearth" "$work/hearth"
HEARTH_BIN="$work/bin" expect 3 '<x>' "$work/hearth" export x
HEARTH_BIN="$work/with space" expect 64 'set HEARTH_BIN' "$work/hearth" export x

# The completion script is one that bash takes, and completes.
if command -v bash >/dev/null; then
  HEARTH_BIN="$work/bin" "$work/hearth" completion bash >"$work/completion"
  expect 0 'export' bash -c '. "$1"; COMP_WORDS=(hearth ex); COMP_CWORD=1; _hearth; echo "${COMPREPLY[@]}"' - "$work/completion"
  expect 0 '--model' bash -c '. "$1"; COMP_WORDS=(hearth export --m); COMP_CWORD=2; _hearth; echo "${COMPREPLY[@]}"' - "$work/completion"
fi

[ "$failures" -eq 0 ] || exit 1
