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
    if (await take([port])) ports.add(port);
  }
  return [...ports];
}

/** Below the range that the kernel hands out, so that no outgoing connection sits on one. */
const ALL_FROM = 20_000;
const ALL_TO = 32_000;
/** Test files that run at the same time take from different parts, since free is not yet taken. */
const PARTS = 2;
const PART = (ALL_TO - ALL_FROM) / PARTS;
const SLOT = (Number(process.env.VITEST_POOL_ID ?? 1) - 1) % PARTS;
const RANGE_FROM = ALL_FROM + SLOT * PART;
const RANGE_TO = RANGE_FROM + PART;
/** What this test file was given: it may be about to listen there. */
const given = new Set<number>();
const ATTEMPTS = 100;

/** The first of `span` consecutive free loopback ports. */
export async function freePortRange(span: number): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const base = RANGE_FROM + Math.floor(Math.random() * (RANGE_TO - RANGE_FROM - span));
    if (await take(Array.from({ length: span }, (_, i) => base + i))) return base;
  }
  throw new Error(`no ${span} consecutive free ports between ${RANGE_FROM} and ${RANGE_TO}`);
}

/** Nobody else is given them from the moment on at which they are looked at. */
async function take(ports: readonly number[]): Promise<boolean> {
  if (ports.some((port) => given.has(port))) return false;
  for (const port of ports) given.add(port);
  return (await Promise.all(ports.map(isFree))).every(Boolean);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
