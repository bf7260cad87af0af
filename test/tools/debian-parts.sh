#!/bin/sh
# Unpacks what the tests want of Debian 13 where this machine has it not, or older, into .cache:
# nothing is installed and no daemon starts. Tests that find nothing there are left out, so what
# cannot be had is told and is no error.
#
#   test/tools/debian-parts.sh                          for make test
#   test/tools/debian-parts.sh DIR STATUS PACKAGE...    packages as files in DIR, with all that they
#                                                       want beside what the dpkg status file names
set -eu

cache="$(cd "$(dirname "$0")/../.." && pwd)/.cache/debian-13"
mirror="${BRAMBLE_DEBIAN:-http://deb.debian.org/debian}"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# Debian keeps daemons where the PATH of a normal user does not look.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

missing=''
want() {
  [ -d "$cache/$1" ] || missing="$missing $1"
}
command -v promtool >/dev/null || want promtool
command -v prometheus >/dev/null || want prometheus
# Before 2.10 it can neither write through at a chosen pace nor do without a node for good.
case "$(nats-server --version 2>/dev/null)" in
  '' | *v2.[0-9].*) want nats-server ;;
esac
if [ $# -gt 0 ]; then
  debs="$1" status="$(realpath "$2")"
  shift 2
  missing="$*"
fi
[ -n "$missing" ] || exit 0

without() {
  echo "bramble: no ${missing# } of Debian 13 ($1): tests that need it are left out"
  exit 0
}
for program in apt-get dpkg-deb; do
  command -v "$program" >/dev/null || without "$program is missing"
done
[ -e "$keyring" ] || without "Debian's keys are missing"

mkdir -p "$cache"
work="$(mktemp -d "$cache/.fetch-XXXXXX")"
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/debs"
echo "deb [signed-by=$keyring] $mirror trixie main" >"$work/sources.list"
# An apt of its own: this machine's lists and sources stay as they are.
cat >"$work/apt.conf" <<EOF
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$work/lists";
Dir::Cache "$work";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Retries "3";
APT::Update::Error-Mode "any";
APT::Sandbox::User "root";
EOF
export APT_CONFIG="$work/apt.conf"
echo "bramble: fetching ${missing# } of Debian 13"
if [ -n "${debs-}" ]; then
  # shellcheck disable=SC2086
  apt-get update -qq &&
    apt-get install -qq --download-only --no-install-recommends -o "Dir::State::status=$status" $missing
  mkdir -p "$debs"
  mv "$work"/archives/*.deb "$debs"
  exit 0
fi
cd "$work/debs"
# shellcheck disable=SC2086
{ apt-get update -qq && apt-get download -qq $missing; } >"$work/log" 2>&1 ||
  without "$(tail -n 1 "$work/log")"
for package in $missing; do
  dpkg-deb -x "$package"_*.deb "$work/$package" 2>>"$work/log" || without "$(tail -n 1 "$work/log")"
  # Whoever does the same at this moment may be faster.
  [ -d "$cache/$package" ] || mv "$work/$package" "$cache/$package"
done
