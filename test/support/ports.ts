import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** A loopback TCP port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}

/** `count` different free loopback ports. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let attempt = 0; ports.size < count; attempt++) {
    if (attempt > count + ATTEMPTS) throw new Error(`no ${count} free ports`);
    const port = randomInt(RANGE_FROM, RANGE_TO);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

/** Below the range that the kernel hands out, so that no outgoing connection sits on one. */
const ALL_FROM = 20_000;
const ALL_TO = 32_000;
/** Test files that run at the same time take from different parts, since free is not yet taken. */
const PARTS = 4;
const PART = (ALL_TO - ALL_FROM) / PARTS;
const SLOT = (Number(process.env.VITEST_POOL_ID ?? 1) - 1) % PARTS;
const RANGE_FROM = ALL_FROM + SLOT * PART;
const RANGE_TO = RANGE_FROM + PART;
const ATTEMPTS = 100;

/** The first of `span` consecutive free loopback ports. */
export async function freePortRange(span: number): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const base = RANGE_FROM + Math.floor(Math.random() * (RANGE_TO - RANGE_FROM - span));
    const free = await Promise.all(Array.from({ length: span }, (_, i) => isFree(base + i)));
    if (free.every(Boolean)) return base;
  }
  throw new Error(`no ${span} consecutive free ports between ${RANGE_FROM} and ${RANGE_TO}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
