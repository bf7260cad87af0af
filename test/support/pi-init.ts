/**
 * Shell scripts that put systemd into namespaces of its own. The first joins a cgroup and starts the
 * second, which is the init process of the new namespaces until systemd takes its place.
 */
export const ENTER = `#!/bin/sh
set -e
mount --make-rprivate /
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p "/sys/fs/cgroup/$2"
echo $$ >"/sys/fs/cgroup/$2/cgroup.procs"
exec unshare --pid --fork --kill-child --uts --ipc --net --cgroup --mount "$3" "$1"
`;

/** `before`: what is waited for once the loopback interface is up, a line of shell. */
export const initScript = (before = ':'): string => `#!/bin/sh
set -e
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do
  touch "dev/$name"
  mount --bind "/dev/$name" "dev/$name"
done
mkdir dev/pts dev/shm run/before
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs tmpfs dev/shm
ip link set lo up
${before}
pivot_root . run/before
cd /
umount -l /run/before
exec env -i container=other PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --system
`;
