import { readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemCode } from '#core/errors.ts';
import { readProc } from './proc.ts';

const LOOK_EVERY = 25;
/** Time to drain before it is killed, and to be gone after that, milliseconds. */
const STOP_WITHIN = 5000;
const DIE_WITHIN = 2000;

/**
 * Stops what a killed supervisor left behind: nats-servers, and services of ours that still drain.
 * They are told by a command line that names a file in `rendered`, our own folder. Only called
 * while holding the lock of its data directory, so that no living supervisor can own them.
 * Resolves to their pids.
 */
export async function stopLeftovers(rendered: string): Promise<number[]> {
  const found = pids().filter((pid) => isOurs(pid, rendered));
  for (const [name, wait] of [
    ['SIGTERM', STOP_WITHIN],
    ['SIGKILL', DIE_WITHIN],
  ] as const) {
    const deadline = Date.now() + wait;
    for (const pid of found) if (isOurs(pid, rendered)) signal(pid, name);
    while (Date.now() < deadline && found.some((pid) => isOurs(pid, rendered))) {
      await sleep(LOOK_EVERY);
    }
  }
  return found;
}

function pids(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

/** An editor that has the file open is no leftover: only the programs that we start are. */
function isOurs(pid: number, rendered: string): boolean {
  const args = readProc(pid)?.args;
  const program = path.basename(args?.[0] ?? '');
  const known = ['nats-server', 'java', path.basename(process.execPath)];
  if (!known.includes(program)) return false;
  return args!.some((arg) => path.dirname(arg) === rendered);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error;
  }
}
