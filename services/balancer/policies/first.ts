import type { Server } from '../servers/server.ts';
import type { Policy } from './policy.ts';

/**
 * The server with the lowest id that has a free place, so that the later ones may be switched off
 * while there is little to do. Weights do not count, and it makes sense only with `maxconn` on the
 * servers. HAProxy manual, `balance first`.
 */
export class First implements Policy {
  readonly #servers: readonly Server[];

  constructor(servers: readonly Server[]) {
    this.#servers = servers.toSorted((a, b) => a.config.id - b.config.id);
  }

  pick(avoid: Server | undefined): Server | undefined {
    let avoided: Server | undefined;
    for (const server of this.#servers) {
      if (!server.usable || server.full) continue;
      if (server !== avoid) return server;
      avoided = server;
    }
    return avoided;
  }

  changed(): void {}

  loaded(): void {}
}
