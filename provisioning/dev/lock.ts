import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { BrambleError, ERROR_CODES, systemCode } from '#core/errors.ts';
import { guard } from './data-dir.ts';
import { readProc } from './proc.ts';

interface Holder {
  pid: number;
  startTime: string;
}

/** How often the lock of a dead process is cleared before giving up. */
const ATTEMPTS = 3;

/**
 * Takes the lock of a data directory; the result gives it back. The file names its holder, so that
 * one left behind by a killed process is recognised, also when its pid was given to another.
 * Throws ALREADY_RUNNING or STORAGE.
 */
export function takeLock(file: string): () => void {
  const mine = JSON.stringify({
    pid: process.pid,
    startTime: readProc(process.pid)?.startTime ?? '',
  } satisfies Holder);
  const draft = `${file}.${process.pid}`;
  guard(file, () => writeFileSync(draft, mine, { mode: 0o600 }));
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (link(draft, file)) {
        return () => {
          if (read(file)?.pid === process.pid) rmSync(file, { force: true });
        };
      }
      const holder = read(file);
      if (holder && isAlive(holder)) throw taken(file, holder);
      clear(file, `${draft}.stale`);
    }
    throw taken(file, read(file));
  } finally {
    rmSync(draft, { force: true });
  }
}

/** link(2) is atomic and brings the content along, unlike create-then-write. */
function link(draft: string, file: string): boolean {
  return guard(file, () => {
    try {
      linkSync(draft, file);
      return true;
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return false;
      throw error;
    }
  });
}

/**
 * Takes a dead process's lock away. Two that see it at the same time must not remove each other's
 * new one: who finds that it has moved a living holder's lock puts it back.
 */
function clear(file: string, aside: string): void {
  guard(file, () => {
    try {
      renameSync(file, aside);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return;
      throw error;
    }
    const moved = read(aside);
    if (moved && isAlive(moved)) link(aside, file);
    rmSync(aside, { force: true });
  });
}

function read(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, startTime }: Holder): boolean {
  return readProc(pid)?.startTime === startTime;
}

function taken(file: string, holder: Holder | undefined): BrambleError {
  const who = holder ? `pid ${holder.pid}` : 'another process';
  return new BrambleError(
    ERROR_CODES.ALREADY_RUNNING,
    `another bramble dev (${who}) uses this data directory: ${file}`,
    { hint: 'stop that one, or start this one with --data DIR and --base-port P' },
  );
}
