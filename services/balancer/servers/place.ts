import type { Server } from './server.ts';
import type { Assignment } from './types.ts';
import type { Waiter } from './wait-queue.ts';

/** A place on a server until it is released. */
export class Place implements Assignment {
  readonly server: Server;
  readonly waited: number;
  readonly serverQueue: number;
  readonly backendQueue: number;
  #held = true;

  constructor(server: Server, now: number, waiter: Waiter | undefined) {
    this.server = server;
    this.waited = waiter ? now - waiter.since : 0;
    this.serverQueue = waiter?.serverQueue ?? 0;
    this.backendQueue = waiter?.backendQueue ?? 0;
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.server.counters.sessionEnded();
    this.server.places?.give();
    const server = this.server.current;
    server.backend.released(server);
  }
}
