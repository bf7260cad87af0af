import type { Server } from '../../servers/server.ts';
import type { Policy } from '../policy.ts';
import { StaticRoundRobin } from '../static-rr.ts';
import { NO_HASH } from './subject.ts';

/**
 * `hash-type map-based`: the hash picks from a table in which each server stands as often as its
 * weight says, so that nearly every key moves when a server comes or goes. A server is never
 * avoided: who hashes to a full one waits for it. Sessions without a key take turns in the table.
 */
export class HashMap implements Policy {
  readonly #turns: StaticRoundRobin;

  constructor(servers: readonly Server[]) {
    this.#turns = new StaticRoundRobin(servers);
  }

  pick(avoid: Server | undefined, hash: number = NO_HASH): Server | undefined {
    return hash === NO_HASH ? this.#turns.pick(avoid) : this.#turns.at(hash);
  }

  changed(): void {
    this.#turns.changed();
  }

  loaded(): void {}
}
