import type { Server } from '../servers/server.ts';
import type { Policy } from './policy.ts';

/**
 * The server with the fewest connections that are still being established, for its weight; among
 * equals the one with the fewest sessions, then the one that was not chosen for longest. Where
 * clients stay for days and come all at once, as MQTT's do after an outage, the number of sessions
 * says little about who can take more just now. Not in HAProxy.
 */
export class LeastPending implements Policy {
  readonly #servers: readonly Server[];
  readonly #chosen = new Map<Server, number>();
  #clock = 0;

  constructor(servers: readonly Server[]) {
    this.#servers = servers;
    for (const server of servers) this.#chosen.set(server, 0);
  }

  pick(avoid: Server | undefined): Server | undefined {
    let best: Server | undefined;
    let avoided: Server | undefined;
    for (const server of this.#servers) {
      if (!server.usable || server.full) continue;
      if (server === avoid) avoided = server;
      else if (!best || this.#compare(server, best) < 0) best = server;
    }
    if (!best) return avoided;
    this.#clock += 1;
    this.#chosen.set(best, this.#clock);
    return best;
  }

  changed(): void {}

  loaded(): void {}

  #compare(a: Server, b: Server): number {
    return (
      a.pending * b.effectiveWeight - b.pending * a.effectiveWeight ||
      a.cur * b.effectiveWeight - b.cur * a.effectiveWeight ||
      this.#chosen.get(a)! - this.#chosen.get(b)!
    );
  }
}
