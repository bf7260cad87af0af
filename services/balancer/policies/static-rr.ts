import type { Server } from '../servers/server.ts';
import type { Policy } from './policy.ts';

/**
 * Weighted round robin over a fixed table of turns, in the order in which HAProxy takes servers
 * (manual, `balance static-rr`). The table is drawn up again only when a server comes, goes or
 * changes its weight; where the turn stands is kept. A choice costs one step unless servers are
 * full; nothing is allocated.
 */
export class StaticRoundRobin implements Policy {
  readonly #servers: readonly Server[];
  #turns: Server[] = [];
  #next = 0;

  constructor(servers: readonly Server[]) {
    this.#servers = servers;
    this.#turns = turnsOf(servers);
  }

  pick(avoid: Server | undefined): Server | undefined {
    const turns = this.#turns;
    const { length } = turns;
    const start = this.#next < length ? this.#next : 0;
    let avoidedAt = -1;
    for (let step = 0; step < length; step++) {
      const at = (start + step) % length;
      const server = turns[at]!;
      if (server.full) continue;
      if (server !== avoid) {
        this.#next = at + 1;
        return server;
      }
      avoidedAt = at;
    }
    if (avoidedAt < 0) return undefined;
    this.#next = avoidedAt + 1;
    return turns[avoidedAt];
  }

  /** The server in the turn that a number falls on, full or not; the turns go on as before. */
  at(number: number): Server | undefined {
    return this.#turns[number % this.#turns.length];
  }

  changed(): void {
    this.#turns = turnsOf(this.#servers);
  }

  loaded(): void {}
}

/**
 * As many turns as the weights add up to, once divided by what divides them all. Each turn adds
 * every server's weight to its score and goes to the first with the most whole rounds to its
 * credit, which pays one round for it.
 */
function turnsOf(servers: readonly Server[]): Server[] {
  const usable = servers.filter((server) => server.usable);
  const divisor = usable.reduce((sum, server) => commonDivisor(sum, server.weight), 0);
  const weights = usable.map((server) => server.weight / divisor);
  const round = weights.reduce((a, b) => a + b, 0);
  const scores = weights.map(() => 0);
  return Array.from({ length: round }, () => {
    let best = -1;
    let most = 0;
    for (let i = 0; i < usable.length; i++) {
      scores[i]! += weights[i]!;
      const rounds = Math.trunc((scores[i]! + round) / round);
      if (best < 0 || rounds > most) {
        best = i;
        most = rounds;
      }
    }
    scores[best]! -= round;
    return usable[best]!;
  });
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
