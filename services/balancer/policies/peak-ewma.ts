import type { Server } from '../servers/server.ts';
import type { Policy } from './policy.ts';

/** Time in which an old observation loses all but 1/e of its say, milliseconds. */
const DECAY = 10_000;
/** What a server counts with that has sessions but has not answered any yet, milliseconds. */
const UNKNOWN = 1000;
/** Shorter than a clock of milliseconds can tell. */
const SHORTEST = 0.1;

interface Entry {
  readonly server: Server;
  /** Milliseconds, as of `at`; 0 = never observed. */
  cost: number;
  at: number;
  /** When it was last chosen: equals take turns. */
  chosen: number;
}

/**
 * The server that should answer soonest: the response time that is to be expected, times the
 * sessions it has, over its weight. The expectation jumps up with a slow answer and comes down
 * with time and with fast ones, so that a server in trouble is left at once and tried again
 * later. Not in HAProxy; the algorithm is the "peak EWMA" of Twitter's Finagle. In mode tcp the
 * time to connect stands for the response time.
 */
export class PeakEwma implements Policy {
  readonly #entries: Entry[];
  readonly #byServer = new Map<Server, Entry>();
  readonly #now: () => number;
  #clock = 0;

  constructor(servers: readonly Server[], now: () => number = () => performance.now()) {
    this.#now = now;
    this.#entries = servers.map((server) => ({ server, cost: 0, at: now(), chosen: 0 }));
    for (const entry of this.#entries) this.#byServer.set(entry.server, entry);
  }

  pick(avoid: Server | undefined): Server | undefined {
    const now = this.#now();
    let best: Entry | undefined;
    let least = 0;
    let avoided: Server | undefined;
    for (const entry of this.#entries) {
      const { server } = entry;
      if (!server.usable || server.full) continue;
      if (server === avoid) {
        avoided = server;
        continue;
      }
      const load = loadOf(entry, now);
      if (best && (load > least || (load === least && entry.chosen >= best.chosen))) continue;
      best = entry;
      least = load;
    }
    if (!best) return avoided;
    this.#clock += 1;
    best.chosen = this.#clock;
    return best.server;
  }

  changed(): void {}

  loaded(): void {}

  observed(server: Server, milliseconds: number): void {
    const entry = this.#byServer.get(server);
    if (!entry) return;
    const now = this.#now();
    const took = Math.max(milliseconds, SHORTEST);
    const kept = Math.exp((entry.at - now) / DECAY);
    entry.cost = Math.max(took, entry.cost * kept + took * (1 - kept));
    entry.at = now;
  }
}

function loadOf({ server, cost, at }: Entry, now: number): number {
  const sessions = server.cur + server.queue.length;
  const expected = cost === 0 && sessions > 0 ? UNKNOWN : cost * Math.exp((at - now) / DECAY);
  return (expected * (sessions + 1)) / server.effectiveWeight;
}
