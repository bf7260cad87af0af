import type { Pools } from '../http/pool.ts';
import type { Counters } from '../servers/counters.ts';
import type { Server } from '../servers/server.ts';
import type { ServerConnections } from '../stats/rows.ts';

/** How old what other workers show may be, milliseconds. */
const INTERVAL = 100;

export interface GaugeSources {
  readonly pools: Pools;
  readonly servers: () => Iterable<Server>;
  /** What is counted of the process, and log lines that this worker has given up. */
  readonly counters: Counters;
  readonly dropped: () => number;
}

/**
 * What a worker has at this moment and does not count as it comes and goes: connections to servers,
 * log lines given up. Each shows its own to the others now and then, and reads the sums.
 */
export class SharedGauges implements ServerConnections {
  readonly #sources: GaugeSources;
  #timer: NodeJS.Timeout | undefined;

  constructor(sources: GaugeSources) {
    this.#sources = sources;
  }

  start(): void {
    this.#timer = setInterval(() => this.#show(), INTERVAL).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  idle(server: Server): number {
    this.#showServer(server);
    return server.counters.totals().poolIdle;
  }

  safe(server: Server): number {
    this.#showServer(server);
    return server.counters.totals().poolSafe;
  }

  used(server: Server): number {
    this.#showServer(server);
    return server.counters.totals().poolUsed;
  }

  need(server: Server): number {
    this.#showServer(server);
    return server.counters.totals().poolNeed;
  }

  get dropped(): number {
    const { counters, dropped } = this.#sources;
    counters.droppedLogs = dropped();
    return counters.totals().droppedLogs;
  }

  #show(): void {
    const { servers, counters, dropped } = this.#sources;
    for (const server of servers()) this.#showServer(server);
    counters.droppedLogs = dropped();
  }

  #showServer(server: Server): void {
    const { pools } = this.#sources;
    const { counters } = server;
    counters.poolIdle = pools.idle(server);
    counters.poolSafe = pools.safe(server);
    counters.poolUsed = pools.used(server);
    counters.poolNeed = pools.need(server);
  }
}
