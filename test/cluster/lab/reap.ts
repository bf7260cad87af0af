import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Names are `bramble-cluster-PID-…`, so that the next run knows whose owner is gone. */
export const PREFIX = 'bramble-cluster-';

/** Where this machine has its cgroup2 hierarchy: freezing and counting need nothing more. */
export function cgroupRoot(): string {
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
    const [, place, type] = line.split(' ');
    if (type === 'cgroup2' && place !== undefined) return place;
  }
  throw new Error('no cgroup2 is mounted');
}

/** Processes of a cgroup and of those in it, as this machine counts them. */
export function processesIn(directory: string): number[] {
  const own = readFileSync(path.join(directory, 'cgroup.procs'), 'utf8');
  const inner = readdirSync(directory, { withFileTypes: true }).filter((one) => one.isDirectory());
  return [
    ...own
      .split('\n')
      .filter((line) => line !== '')
      .map(Number),
    ...inner.flatMap(({ name }) => processesIn(path.join(directory, name))),
  ];
}

/** Removes a cgroup that has no process any more, and those in it. */
export function removeCgroup(directory: string): void {
  for (const entry of existsSync(directory)
    ? readdirSync(directory, { withFileTypes: true })
    : []) {
    if (entry.isDirectory()) removeCgroup(path.join(directory, entry.name));
  }
  try {
    rmdirSync(directory);
  } catch {
    // Something in it is still dying; the next run removes it.
  }
}

/**
 * Takes away what a run that was killed has left. Its processes have died with it, and with them
 * their namespaces, mounts and network; directories remain.
 */
export async function reap(): Promise<void> {
  const gone = (name: string): boolean => {
    const [, pid] = new RegExp(`^${PREFIX}(\\d+)-`).exec(name) ?? [];
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  };
  for (const name of readdirSync(cgroupRoot())) {
    if (gone(name)) removeCgroup(path.join(cgroupRoot(), name));
  }
  for (const name of await readdir(tmpdir())) {
    if (gone(name)) await rm(path.join(tmpdir(), name), { recursive: true, force: true });
  }
}
