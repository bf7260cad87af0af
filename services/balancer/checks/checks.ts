import type { Backend } from '../servers/backend.ts';
import type { Server } from '../servers/server.ts';
import { agentTask, Checker, healthTask } from './checker.ts';

/** Servers checked more often than this do not set the pace of the start. */
const SPREAD_THRESHOLD = 1000;

export interface CheckPace {
  /** `spread-checks`: percent by which each pause may vary, 0 to 50. */
  spread: number;
  /** `max-spread-checks`: longest time over which the first round is spread, milliseconds. */
  maxSpread: number | undefined;
}

interface Planned {
  checker: Checker;
  inter: number;
}

/** All health checks of a configuration. */
export class Checks {
  readonly #backends: readonly Backend[];
  readonly #pace: CheckPace;
  #checkers: Checker[] = [];
  #unwatch: (() => void)[] = [];

  constructor(backends: readonly Backend[], pace: CheckPace = { spread: 0, maxSpread: undefined }) {
    this.#backends = backends;
    this.#pace = pace;
  }

  /** The first round is spread over one interval, so that the checks never come all at once. */
  start(): void {
    const planned = this.#backends
      .flatMap((backend) => backend.servers)
      .flatMap((server) => this.#planOf(server));
    const paces = planned.map(({ inter }) => inter).filter((inter) => inter >= SPREAD_THRESHOLD);
    const pace = paces.length === 0 ? 0 : Math.min(...paces);
    const longest = this.#pace.maxSpread ?? Number.POSITIVE_INFINITY;
    this.#checkers = planned.map(({ checker }) => checker);
    for (const [index, { checker, inter }] of planned.entries()) {
      checker.start((Math.min(longest, Math.max(pace, inter)) * index) / planned.length);
    }
  }

  stop(): void {
    for (const unwatch of this.#unwatch.splice(0)) unwatch();
    for (const checker of this.#checkers) checker.stop();
    this.#checkers = [];
  }

  #planOf(server: Server): Planned[] {
    const { check, health } = server.config;
    const spread = this.#pace.spread / 100;
    const planned: Planned[] = [];
    if (check) {
      const checker = new Checker(healthTask(server), spread);
      planned.push({ checker, inter: check.inter });
      const hurry = (): void => checker.hurry(check.fastinter);
      server.on('suspect', hurry);
      this.#unwatch.push(() => server.off('suspect', hurry));
    }
    if (health?.agent) {
      const checker = new Checker(agentTask(server), spread);
      planned.push({ checker, inter: health.agent.inter });
    }
    return planned;
  }
}
