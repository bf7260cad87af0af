import { type BrokerStatus, brokerStatusSchema } from '#core/contracts/status.ts';
import type { Siblings } from './siblings.ts';

const SUMMED = [
  'rss',
  'cpu',
  'clients',
  'clientsMax',
  'connects',
  'refused',
  'takeovers',
  'subscriptions',
  'sessions',
  'messagesIn',
  'messagesOut',
  'bytesIn',
  'bytesOut',
  'dropped',
  'routedOut',
  'routedIn',
] as const satisfies (keyof BrokerStatus)[];

/** Adds up the workers of one node; the first one names it, and tells whether all of them serve. */
export function sumStatuses(workers: readonly [BrokerStatus, ...BrokerStatus[]]): BrokerStatus {
  const sum: BrokerStatus = { ...workers[0] };
  for (const field of SUMMED) sum[field] = workers.reduce((all, one) => all + one[field], 0);
  // Each has a copy of all retained messages.
  sum.retained = Math.max(...workers.map((one) => one.retained));
  sum.natsConnected = workers.every((one) => one.natsConnected);
  sum.workers = workers.map(({ node, pid, startedAt, ready, rss, cpu, clients }) => ({
    node,
    pid,
    startedAt,
    ready,
    rss,
    cpu,
    clients,
  }));
  return sum;
}

/**
 * `/status` of a whole node. A worker that does not answer counts with what it told last, so that
 * the node's counters do not go back while it is busy.
 */
export class NodeStatus {
  readonly #siblings: Siblings;
  readonly #own: () => BrokerStatus;
  readonly #last: (BrokerStatus | undefined)[] = [];

  constructor(siblings: Siblings, own: () => BrokerStatus) {
    this.#siblings = siblings;
    this.#own = own;
  }

  async get(): Promise<BrokerStatus> {
    if (this.#siblings.count === 0) return this.#own();
    const replies = await this.#siblings.askAll('/status');
    for (const [index, reply] of replies.entries()) {
      const parsed = brokerStatusSchema.safeParse(reply?.body);
      const last = this.#last[index];
      if (parsed.success) this.#last[index] = parsed.data;
      else if (last !== undefined) this.#last[index] = { ...last, ready: false };
    }
    const others = this.#last.filter((one) => one !== undefined);
    return sumStatuses([this.#own(), ...others]);
  }
}
