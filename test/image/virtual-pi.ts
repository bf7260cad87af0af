import { execFile, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../support/broker.ts';

const run = promisify(execFile);

/** The second part runs as the init process of new namespaces, until systemd takes its place. */
const ENTER = `#!/bin/sh
set -e
root=$1
mount --make-rprivate /
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p "/sys/fs/cgroup/$2"
echo $$ >"/sys/fs/cgroup/$2/cgroup.procs"
exec unshare --pid --fork --kill-child --uts --ipc --net --cgroup --mount "$3" "$root"
`;
const INIT = `#!/bin/sh
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
pivot_root . run/before
cd /
umount -l /run/before
exec env -i container=other PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --system
`;

/** Upper bound of a boot on a busy machine, milliseconds. */
const BOOT = 180_000;

export interface VirtualPi {
  /** Its root file system, as this machine sees it. */
  root: string;
  /** Runs a program in the virtual Pi, or with `net` one of this machine in its network. */
  run(program: string, args: readonly string[], how?: 'inside' | 'net'): Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Boots a system's tar file with real systemd in namespaces of its own. Needs root. `prepare` may
 * change its files before.
 */
export async function bootVirtualPi(
  tar: string,
  prepare: (root: string) => Promise<void> = async () => {},
): Promise<VirtualPi> {
  const work = await mkdtemp(path.join(tmpdir(), 'bramble-virtual-'));
  const root = path.join(work, 'root');
  await mkdir(root);
  await run('tar', ['-xf', tar, '--warning=no-unknown-keyword', '-C', root]);
  await prepare(root);
  const [enter, init] = [path.join(work, 'enter'), path.join(work, 'init')];
  await writeFile(enter, ENTER);
  await writeFile(init, INIT);
  await chmod(enter, 0o755);
  await chmod(init, 0o755);
  const cgroup = path.basename(work);
  const child = spawn('unshare', ['-m', enter, root, cgroup, init], { stdio: 'ignore' });
  let ended = false;
  child.once('exit', () => {
    ended = true;
  });
  /** systemd itself: the child of the second unshare, which took the place of the first one. */
  const systemd = async (): Promise<string> => {
    const task = `/proc/${child.pid}/task/${child.pid}/children`;
    return (await readFile(task, 'utf8').catch(() => '')).trim();
  };
  const inside = async (program: string, args: readonly string[], how = 'inside') => {
    if (ended) throw new Error('the virtual Pi has ended');
    const space = how === 'inside' ? '--all' : '--net';
    const { stdout } = await run('nsenter', [
      '--target',
      await systemd(),
      space,
      '--',
      program,
      ...args,
    ]);
    return stdout;
  };
  const dispose = async (): Promise<void> => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (!ended) {
      child.kill('SIGKILL');
      await gone;
    }
    await rm(work, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  };
  try {
    const active = () => inside('systemctl', ['is-active', 'multi-user.target']);
    await eventually('the virtual Pi is up', () => succeeds(active), BOOT);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { root, run: inside, [Symbol.asyncDispose]: dispose };
}

/** Whether it does what it is there for, without an error. */
export async function succeeds(act: () => Promise<unknown>): Promise<boolean> {
  return act().then(
    () => true,
    () => false,
  );
}
