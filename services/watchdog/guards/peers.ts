import { type WatchdogStatus, watchdogStatusSchema } from '#core/contracts/status.ts';
import { ask } from '../checks/http-check.ts';

export interface Peer {
  name: string;
  /** Where its page shows what its watchdog says. */
  status: URL;
}

/** What this node is about to do to itself; undefined when nothing that others must wait for. */
export interface Intent {
  node: string;
  /** Wall-clock milliseconds. */
  since: number;
}

export interface PeersView {
  /** Nodes that answer and whose services are all up. */
  well: number;
  /** A node that is at work on itself, and goes first. */
  busy: string | undefined;
}

/** Milliseconds for one answer. */
const TIMEOUT = 3000;

/** Asks the other nodes' watchdogs. A node that does not answer is not well. */
export async function lookAtPeers(peers: readonly Peer[], own: Intent): Promise<PeersView> {
  const views = await Promise.all(
    peers.map(async ({ status }) => {
      try {
        const { status: code, body } = await ask(status, AbortSignal.timeout(TIMEOUT));
        if (code !== 200) return undefined;
        return watchdogStatusSchema.parse(JSON.parse(body));
      } catch {
        return undefined;
      }
    }),
  );
  const answers = views.filter((view) => view !== undefined);
  return {
    well: answers.filter(({ services }) => services.every(({ state }) => state === 'up')).length,
    busy: answers.find((view) => isBefore(view, own))?.node,
  };
}

/**
 * Whether another node's work goes before our own. One that has begun does, whatever the clocks say:
 * a Pi's may be hours off, or jump.
 */
export function isBefore(
  { node, working, acting }: Pick<WatchdogStatus, 'node' | 'working' | 'acting'>,
  own: Intent,
): boolean {
  if (acting === true) return true;
  return working !== undefined && goesFirst({ node, since: working }, own);
}

/** Who said so first goes first; of two at the same moment, the lesser name. */
export function goesFirst(other: Intent, own: Intent): boolean {
  if (other.since !== own.since) return other.since < own.since;
  return other.node < own.node;
}

/**
 * Whether the cluster keeps a majority of its nodes while this one is away (RAFT needs one to
 * store). A node whose own part in it is broken takes nothing away.
 */
export function keepsMajority(nodes: number, well: number, takesPart: boolean): boolean {
  return !takesPart || nodes === 1 || well >= Math.floor(nodes / 2) + 1;
}
