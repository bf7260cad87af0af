import type { Server } from '../servers/server.ts';
import type { Policy } from './policy.ts';

/**
 * Draws servers at random, each as likely as its weight says, and takes the least loaded of those
 * drawn; with two draws or more a busy server is seldom taken while there are idle ones. When the
 * one taken is full the session waits for any server, as in HAProxy (manual, `balance random`).
 */
export class Random implements Policy {
  readonly #servers: readonly Server[];
  readonly #draws: number;
  readonly #random: () => number;

  /** `random` yields numbers from 0 up to, not including, 1. */
  constructor(servers: readonly Server[], draws: number, random: () => number = Math.random) {
    this.#servers = servers;
    this.#draws = draws;
    this.#random = random;
  }

  pick(avoid: Server | undefined): Server | undefined {
    let sum = 0;
    for (const server of this.#servers) {
      if (server.usable && server !== avoid) sum += server.weight;
    }
    if (sum === 0) return avoid?.usable && !avoid.full ? avoid : undefined;
    let best: Server | undefined;
    for (let draw = 0; draw < this.#draws; draw++) {
      const drawn = this.#draw(sum, avoid);
      if (!best || drawn.cur * best.weight <= best.cur * drawn.weight) best = drawn;
    }
    return best?.full ? undefined : best;
  }

  changed(): void {}

  loaded(): void {}

  #draw(sum: number, avoid: Server | undefined): Server {
    let left = this.#random() * sum;
    let last: Server | undefined;
    for (const server of this.#servers) {
      if (!server.usable || server === avoid) continue;
      last = server;
      left -= server.weight;
      if (left < 0) break;
    }
    return last!;
  }
}
