import type { Backend } from '../servers/backend.ts';
import { Checker } from './checker.ts';

/** Servers checked more often than this do not set the pace of the start. */
const SPREAD_THRESHOLD = 1000;

/** All health checks of a configuration. */
export class Checks {
  readonly #backends: readonly Backend[];
  #checkers: Checker[] = [];

  constructor(backends: readonly Backend[]) {
    this.#backends = backends;
  }

  /** The first round is spread over one interval, so that the checks never come all at once. */
  start(): void {
    const servers = this.#backends
      .flatMap((backend) => backend.servers)
      .filter((server) => server.config.check !== undefined);
    const paces = servers
      .map((server) => server.config.check!.inter)
      .filter((inter) => inter >= SPREAD_THRESHOLD);
    const pace = Math.min(...paces);
    this.#checkers = servers.map((server) => new Checker(server));
    this.#checkers.forEach((checker, index) => {
      const window = Math.max(Number.isFinite(pace) ? pace : 0, checker.server.config.check!.inter);
      checker.start((window * index) / servers.length);
    });
  }

  stop(): void {
    for (const checker of this.#checkers) checker.stop();
    this.#checkers = [];
  }
}
