import type { Server } from '../servers/server.ts';
import type { Policy } from './policy.ts';

/** HAProxy's largest weight: loads are compared on this scale, so that rounding agrees. */
const SCALE = 256 * 16;

interface Entry {
  readonly server: Server;
  load: number;
  /** When the load last became what it is: who has had it longest comes first among equals. */
  since: number;
}

/**
 * The server with the fewest sessions (running and queued) for its weight; equals take turns.
 * HAProxy manual, `balance leastconn`.
 */
export class LeastConnections implements Policy {
  readonly #entries: Entry[];
  readonly #byServer = new Map<Server, Entry>();
  #clock = 0;

  constructor(servers: readonly Server[]) {
    this.#entries = servers.map((server) => ({ server, load: 0, since: this.#clock++ }));
    for (const entry of this.#entries) this.#byServer.set(entry.server, entry);
  }

  pick(avoid: Server | undefined): Server | undefined {
    let best: Entry | undefined;
    let avoided: Server | undefined;
    for (const entry of this.#entries) {
      const { server } = entry;
      // Other workers change it as well.
      if (server.places) this.loaded(server);
      if (!server.usable || server.full) continue;
      if (server === avoid) {
        avoided = server;
        continue;
      }
      if (!best || entry.load < best.load || (entry.load === best.load && entry.since < best.since))
        best = entry;
    }
    return best?.server ?? avoided;
  }

  changed(server: Server): void {
    const entry = this.#byServer.get(server);
    if (!entry) return;
    entry.load = loadOf(server);
    entry.since = this.#clock++;
  }

  loaded(server: Server): void {
    const entry = this.#byServer.get(server);
    if (!entry) return;
    const load = loadOf(server);
    if (load === entry.load) return;
    entry.load = load;
    entry.since = this.#clock++;
  }
}

/** An idle server is always first; a busy one is judged as if it had the new session already. */
function loadOf(server: Server): number {
  const sessions = server.cur + server.queue.length;
  if (sessions === 0 || server.weight === 0) return 0;
  return Math.floor(((sessions + 1) * SCALE) / server.effectiveWeight);
}
