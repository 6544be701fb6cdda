# SPDX-License-Identifier: Apache-2.0
# Sourced by the shell tests of tools (POSIX sh). It gives the test an empty folder to stand in, $work, removed at the
# end; puts the tools of the build first in PATH; and counts failed expectations, so that one run shows them all and the
# script exits 1 when there were any.
#
#   . "$HEARTH_SOURCE/tests/support/tool_test.sh"
#   expect_exit 66 'no-such-file: No such file' shard no-such-file -o corpus.h5
#   expect_exit 0 '' shard docs -o corpus.h5
#   expect_stdout 'documents +12'

set -u
: "${HEARTH_BIN:?is the folder of the built tools}" "${HEARTH_SOURCE:?is the source tree}"
PATH=$HEARTH_BIN:$PATH
LC_ALL=C
export PATH LC_ALL
unset HEARTH_THREADS HEARTH_TMPDIR HEARTH_LOG_LEVEL
support_folder=$(mktemp -d "${TMPDIR:-/tmp}/hearth-test.XXXXXX") || exit 1
work=$support_folder/work
out=$support_folder/out  # stdout of the last command run by expect_exit
err=$support_folder/err  # its stderr
failures=0
mkdir "$work" && cd "$work" || exit 1
trap 'support_finish $?' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

support_finish() {
  cd / && chmod -R u+rwx "$support_folder" && rm -rf "$support_folder"
  [ "$1" -ne 0 ] && exit "$1"
  [ "$failures" -eq 0 ] && exit 0
  echo "$failures failed"
  exit 1
}

# fail WHAT...: counts a failure and says it, with the output of the last command.
fail() {
  failures=$((failures + 1))
  echo "FAILED: $*"
  for stream in "$out" "$err"; do
    [ ! -s "$stream" ] || { echo "  --- ${stream##*/}:"; head -n 20 "$stream" | sed 's/^/  /'; }
  done
}

# skip REASON: ends the test as skipped.
skip() {
  echo "skipped: $*"
  exit 77
}

# expect_exit CODE REGEX COMMAND...: runs COMMAND; its exit code must be CODE and, unless REGEX is empty, some line of
# its stderr must match REGEX (grep -E). Its streams are in $out and $err afterwards.
expect_exit() {
  wanted=$1 pattern=$2
  shift 2
  : >"$out"
  : >"$err"
  code=0
  "$@" >"$out" 2>"$err" || code=$?
  if [ "$code" -ne "$wanted" ]; then
    fail "$* : exit code $code, wanted $wanted"
  elif [ -n "$pattern" ] && ! grep -Eq -e "$pattern" "$err"; then
    fail "$* : stderr does not match '$pattern'"
  fi
}

# Of the last command: some line of stdout matches REGEX; none does; stdout is exactly the file.
expect_stdout() { grep -Eq -e "$1" "$out" || fail "stdout does not match '$1'"; }
expect_no_stdout() { ! grep -Eq -e "${1:-.}" "$out" || fail "stdout matches '${1:-.}', and should not"; }
expect_no_stderr() { ! grep -Eq -e "${1:-.}" "$err" || fail "stderr matches '${1:-.}', and should not"; }
expect_golden() { diff -u "$1" "$out" >"$support_folder/diff" || fail "stdout differs from $1: $(cat "$support_folder/diff")"; }

# Of files: there, not there, the same bytes; and expect WHAT TEST...: any command that must succeed.
expect_file() { [ -e "$1" ] || fail "$1 is missing"; }
expect_no_file() { [ ! -e "$1" ] || fail "$1 is there, and should not be"; }
expect_same() { cmp -s "$1" "$2" || fail "$1 and $2 differ"; }
expect() {
  what=$1
  shift
  "$@" || fail "$what"
}

# files_of BUILD: what CMake's makefiles compiled and linked there, a path a line.
files_of() { find "$1" \( -name link.txt -o -name '*.o.d' \) -exec cat {} + | tr -s ' \\' '\n' | sed 's/^-[IL]//'; }

# unprivileged COMMAND...: as run by somebody whom file permissions bind, also when the test runs as root.
unprivileged() {
  if [ "$(id -u)" -ne 0 ]; then
    "$@"
  else
    setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all "$@"
  fi
}
can_drop_privileges() { unprivileged true 2>/dev/null; }

# mount_namespace: the option of unshare under which $work/full can be mounted; fails where none lets us (a chroot).
mount_namespace() {
  mkdir -p "$work/full"
  for option in -m -rm; do
    unshare $option mount -t tmpfs -o size=1m none "$work/full" 2>/dev/null && echo "$option" && return
  done
  return 1
}

# on_full_disk SIZE COMMAND...: with $work/full an own file system of SIZE (as "64k"). Where that may not be mounted, a
# limit on the size of files does as well, with its own message: match 'No space left|File too large'.
on_full_disk() {
  size=$1
  shift
  if namespace=$(mount_namespace); then
    # shellcheck disable=SC2016  # expanded by the inner shell
    unshare "$namespace" sh -c 'mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@"' sh "$size" "$work/full" "$@"
    return
  fi
  (
    trap '' XFSZ
    ulimit -f $((${size%k} * 2))
    "$@"
  )
}
