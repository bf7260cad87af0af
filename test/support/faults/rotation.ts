import type { Endpoint, LabNode } from '../cluster-lab.ts';

/** As the cluster's balancer checks its brokers: interval, and checks in a row that decide. */
const INTERVAL = 500;
const FALL = 2;

/** A client's connection, to be cut when its node falls out. */
export interface Attached {
  readonly endpoint: Endpoint;
  cut(why?: string): void;
}

/**
 * Which nodes take clients, by their own `/readyz`: what the balancer does for real clients. A
 * node that falls out has its connections cut, so that a client need not notice a frozen node.
 */
export class Rotation {
  readonly #nodes: readonly LabNode[];
  readonly #failed: number[];
  readonly #attached = new Set<Attached>();
  #timer: NodeJS.Timeout | undefined;
  #next = 0;

  constructor(nodes: readonly LabNode[]) {
    this.#nodes = nodes;
    this.#failed = nodes.map(() => 0);
  }

  start(): void {
    this.#timer = setInterval(() => {
      for (const node of this.#nodes) void this.#check(node);
    }, INTERVAL);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  attach(connection: Attached): void {
    this.#attached.add(connection);
  }

  detach(connection: Attached): void {
    this.#attached.delete(connection);
  }

  /** The node `home` while it serves, else the others in turn; never `not` when there is another. */
  pick(home?: Endpoint, not?: Endpoint): Endpoint {
    const up = this.#nodes.filter((node) => this.#failed[node.index]! < FALL && node !== not);
    if (home !== undefined && up.some((node) => node === home)) return home;
    const candidates = up.length > 0 ? up : this.#nodes;
    return candidates[this.#next++ % candidates.length]!;
  }

  async #check(node: LabNode): Promise<void> {
    if (await node.ready()) {
      this.#failed[node.index] = 0;
      return;
    }
    if (++this.#failed[node.index]! < FALL) return;
    for (const connection of [...this.#attached]) {
      if (connection.endpoint === node) connection.cut('its node is out of rotation');
    }
  }
}
