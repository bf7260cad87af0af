import type { Logger } from '#core/log.ts';

/** What is sent away: a client's connection. */
export interface Evacuee {
  readonly state: string;
}

export interface EvacuationOptions<T extends Evacuee> {
  connections: () => ReadonlySet<T>;
  /** Tells one client to go. */
  send: (connection: T) => void;
  log: Logger;
}

/**
 * From being asked to sending the first client away, milliseconds: the balancers' checks (1 s, two
 * in a row) must have seen it, or the clients come straight back.
 */
const NOTICE = 4000;
/** Clients sent away in one call: with a call each half second, 200 a second. */
const AT_ONCE = 100;

/**
 * Empties a node that is drained, at a rate that the other nodes bear: a client that comes to them
 * brings its session with it.
 */
export class Evacuation<T extends Evacuee> {
  readonly #options: EvacuationOptions<T>;
  #since: number | undefined;

  constructor(options: EvacuationOptions<T>) {
    this.#options = options;
  }

  /** To be called twice a second; `now` is monotonic milliseconds. */
  tick(now: number, drainers: readonly string[]): void {
    const { connections, send, log } = this.#options;
    if (drainers.length === 0) {
      if (this.#since !== undefined) log.info('no longer drained: clients are taken again');
      this.#since = undefined;
      return;
    }
    if (this.#since === undefined) {
      this.#since = now;
      const { size } = connections();
      log.warn({ by: drainers, connections: size }, 'drained: clients go to the other nodes');
    }
    if (now - this.#since < NOTICE) return;
    let sent = 0;
    for (const connection of connections()) {
      if (connection.state !== 'open') continue;
      send(connection);
      if (++sent === AT_ONCE) return;
    }
  }
}
