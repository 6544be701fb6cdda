#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what packaging/debian-12.txt lists and this machine lacks. On Debian 12 by apt, as root or through sudo;
# elsewhere, and where neither is possible, it prints the list and exits 69. DEPS=skip: trust the machine, do nothing.
set -eu
list=$(dirname "$0")/debian-12.txt
[ "${DEPS:-install}" = skip ] && exit 0

give_up() {
  {
    echo "install-packages: $1"
    echo "These are Debian 12's names of what hearth needs; install their like, then run make with DEPS=skip:"
    sed 's/^/  /' "$list"
  } >&2
  exit 69
}

system=$(. /etc/os-release 2>/dev/null && echo "${ID:-} ${VERSION_ID:-}") || system=unknown
[ "$system" = "debian 12" ] || give_up "this is not Debian 12 but '$system'"

missing=
for package in $(cat "$list"); do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=absent
  [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "installing:$missing"
as_root="env DEBIAN_FRONTEND=noninteractive"
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || give_up "not root and no sudo to install$missing"
  as_root="sudo $as_root"
fi
$as_root apt-get -qq update || give_up "apt-get update failed"
# shellcheck disable=SC2086  # one word a package
$as_root apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install $missing >/dev/null || give_up "apt-get install failed"
