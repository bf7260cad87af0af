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
  readonly server: Server;
  readonly kind: 'health' | 'agent';
  readonly checker: Checker;
  readonly inter: number;
}

/** All health checks of a configuration. */
export class Checks {
  readonly #backends: readonly Backend[];
  readonly #pace: CheckPace;
  readonly #running = new Map<Server, Planned[]>();

  constructor(backends: readonly Backend[], pace: CheckPace = { spread: 0, maxSpread: undefined }) {
    this.#backends = backends;
    this.#pace = pace;
  }

  /**
   * The first round is spread over one interval, so that the checks never come all at once. Those
   * that were under way before a reload (`previous`, stopped by this) come when they were due.
   */
  start(previous?: Checks): void {
    const due = previous?.stop() ?? new Map<Server, Due>();
    const planned = this.#backends
      .flatMap((backend) => backend.servers)
      .flatMap((server) => this.#planOf(server));
    const paces = planned.map(({ inter }) => inter).filter((inter) => inter >= SPREAD_THRESHOLD);
    const pace = paces.length === 0 ? 0 : Math.min(...paces);
    const longest = this.#pace.maxSpread ?? Number.POSITIVE_INFINITY;
    for (const [index, one] of planned.entries()) {
      const spread = (Math.min(longest, Math.max(pace, one.inter)) * index) / planned.length;
      const wait = due.get(one.server)?.[one.kind];
      this.#run(one, wait === undefined ? spread : Math.min(one.inter, wait));
    }
  }

  /** Checks one more server from now on. */
  add(server: Server): void {
    for (const one of this.#planOf(server)) this.#run(one, 0);
  }

  /** Whether anything of that server is checked. */
  has(server: Server): boolean {
    return this.#running.has(server);
  }

  remove(server: Server): void {
    for (const { checker } of this.#running.get(server) ?? []) checker.stop();
    server.removeAllListeners('suspect');
    this.#running.delete(server);
  }

  /** Returns when the next rounds were due, by what the servers are by now. */
  stop(): Map<Server, Due> {
    const due = new Map<Server, Due>();
    for (const [server, planned] of [...this.#running]) {
      const waits = planned.map(({ kind, checker }) => [kind, checker.wait] as const);
      due.set(server.current, Object.fromEntries(waits));
      this.remove(server);
    }
    return due;
  }

  #run(one: Planned, delay: number): void {
    const planned = this.#running.get(one.server) ?? [];
    planned.push(one);
    this.#running.set(one.server, planned);
    one.checker.start(delay);
  }

  #planOf(server: Server): Planned[] {
    const { check, health } = server.config;
    const spread = this.#pace.spread / 100;
    const planned: Planned[] = [];
    if (check) {
      const checker = new Checker(healthTask(server), spread);
      planned.push({ server, kind: 'health', checker, inter: check.inter });
      server.on('suspect', () => checker.hurry(check.fastinter));
    }
    if (health?.agent) {
      const checker = new Checker(agentTask(server), spread);
      planned.push({ server, kind: 'agent', checker, inter: health.agent.inter });
    }
    return planned;
  }
}

/** Milliseconds until the next round of each kind. */
type Due = { readonly [kind in Planned['kind']]?: number };
