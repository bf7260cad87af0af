#!/bin/sh
# Runs on the build machine when all packages are in; $1 is the root of the new system.
set -eu
root=$1
in_root() { chroot "$root" "$@"; }

in_root systemd-sysusers
in_root systemctl preset-all --preset-mode=full

# Whoever boots this is another node: no identity comes with the image.
rm -f "$root"/etc/ssh/ssh_host_*
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" "$root/var/lib/systemd/random-seed"

ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
mkdir -p "$root/data" "$root/boot/firmware" "$root/opt/bramble/releases"

# What only this build would have, and what nothing on a Pi reads.
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/cache/ldconfig/aux-cache \
  "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old "$root"/etc/*- "$root"/etc/.pwd.lock \
  "$root"/run/* "$root"/tmp/*
find "$root/var/log" -type f -delete
find "$root/etc" -name '*.dpkg-dist' -delete
dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${Package}=${Version}\n' >"$root/usr/lib/bramble-packages"
