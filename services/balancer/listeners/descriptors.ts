import { readFileSync } from 'node:fs';

/** Kept for listeners, checks, logs and the runtime itself. */
const RESERVE = 100;
/** What a process has open before anybody connects. */
const OWN = 17;
/** Most connections that may wait for room, and their share of the descriptors. */
const MAX_HELD = 4096;
const HELD_SHARE = 1 / 8;
const FALLBACK = 1024;

/** Files that this process may have open (RLIMIT_NOFILE); the runtime has raised it already. */
export function descriptorLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const found = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
    return found === 'unlimited' ? Number.POSITIVE_INFINITY : Number(found ?? FALLBACK);
  } catch {
    return FALLBACK;
  }
}

/** How many accepted connections may wait for room. */
export function holdLimit(): number {
  return Math.min(MAX_HELD, Math.floor(descriptorLimit() * HELD_SHARE));
}

/** Files that so many connections need at least: two each, and those of the process itself. */
export const descriptorsFor = (connections: number): number => 2 * connections + OWN;

/**
 * Most connections at a time: what `global maxconn` says, and never more than descriptors are there
 * for, two a connection (HAProxy manual, `maxconn`) beside those that wait. At the limit connections
 * wait; without descriptors the system would drop them.
 */
export function connectionLimit(maxconn: number | undefined): number {
  const possible = Math.max(1, Math.floor((descriptorLimit() - RESERVE - holdLimit()) / 2));
  return Math.min(maxconn ?? Number.POSITIVE_INFINITY, possible);
}
