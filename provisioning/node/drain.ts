import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { piPorts } from '#core/contracts/ports.ts';
import { brokerStatusSchema } from '#core/contracts/status.ts';
import { drainedBy } from '#core/drain.ts';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';

export interface DrainResult {
  changed: boolean;
  /** Who wants this node to take no work, afterwards. */
  drainedBy: string[];
  /** Clients that have not gone within the time. */
  clients: number;
}

const INTERVAL = 500;
const TIMEOUT = 3_000;
const WHO = /^[a-z][a-z0-9-]{0,31}$/;

/**
 * Asks that this node takes no new work, in the name of `who`, and waits until its clients have
 * gone to the others, `patience` milliseconds at most. Throws USAGE, STORAGE.
 */
export async function drainNode(
  directory: string,
  who: string,
  patience: number,
): Promise<DrainResult> {
  const changed = !drainedBy(directory).includes(checked(who));
  guarded(directory, () => {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    if (changed) writeFileSync(path.join(directory, who), '');
  });
  const until = performance.now() + patience;
  let clients = await clientsHere();
  while (clients > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, INTERVAL));
    clients = await clientsHere();
  }
  return { changed, drainedBy: drainedBy(directory), clients };
}

/** Takes back what `who` has asked for; what others have asked for stays. */
export async function undrainNode(directory: string, who: string): Promise<DrainResult> {
  const changed = drainedBy(directory).includes(checked(who));
  guarded(directory, () => rmSync(path.join(directory, who), { force: true }));
  return { changed, drainedBy: drainedBy(directory), clients: await clientsHere() };
}

/** Clients of this node's broker; none where it does not answer, since then it has none. */
async function clientsHere(): Promise<number> {
  const { health } = piPorts(1).nodes[0]!;
  try {
    const response = await fetch(`http://127.0.0.1:${health}/status`, {
      signal: AbortSignal.timeout(TIMEOUT),
      headers: { connection: 'close' },
    });
    return brokerStatusSchema.parse(await response.json()).clients;
  } catch {
    return 0;
  }
}

/** Addresses that this node's network cards have now. */
export function ownAddresses(): string[] {
  try {
    const told = execFileSync('ip', ['-json', 'address', 'show'], { encoding: 'utf8' });
    const cards = JSON.parse(told) as { addr_info?: { local?: string }[] }[];
    return cards.flatMap(({ addr_info = [] }) => addr_info.flatMap(({ local }) => local ?? []));
  } catch {
    return [];
  }
}

function checked(who: string): string {
  if (WHO.test(who)) return who;
  throw new BrambleError(ERROR_CODES.USAGE, `"${who}" is no name for who asks for a drain`, {
    hint: 'lower case letters, digits and hyphens, e.g. operator',
  });
}

function guarded(directory: string, act: () => void): void {
  try {
    act();
  } catch (cause) {
    throw new BrambleError(ERROR_CODES.STORAGE, `${directory}: ${describeError(cause)}`, { cause });
  }
}
