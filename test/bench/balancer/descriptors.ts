import { execFileSync } from 'node:child_process';

/** What a process needs of its descriptors for itself. */
const SPARE = 300;
const ENOUGH = 12_000;

/** Most connections with a server behind each that one process here can hold. */
export function affordable(): number {
  const limit = Number(execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }));
  return Number.isNaN(limit) ? ENOUGH : Math.min(ENOUGH, Math.floor((limit - SPARE) / 2));
}
