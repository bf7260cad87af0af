import type { NodeAnswer, PageSnapshot } from './ask.ts';

/** One node, as most of the pages see it. */
export interface StatusRow {
  name: string;
  address: string;
  /** Whether its own page answers. */
  page: boolean;
  broker: string;
  balancer: string;
  clients: number | undefined;
  /** Messages in since it started. */
  messages: number | undefined;
  /** Degrees Celsius. */
  temperature: number | undefined;
  /** Milliseconds since its broker started. */
  up: number | undefined;
  error: string | undefined;
}

export interface ClusterStatus {
  /** `healthy`, `degraded`, `critical`, `starting`; `unreachable`: no page answers. */
  state: string;
  /** Whose view this is. */
  seenBy: string | undefined;
  nodes: StatusRow[];
  /** The virtual addresses, and who has each: one node, but for the moment of a change. */
  addresses: NonNullable<PageSnapshot['addresses']>;
  problems: { level: string; subject: string; text: string }[];
}

const ORDER = ['critical', 'degraded', 'starting', 'healthy'];

/**
 * The cluster as the best informed page sees it; when nodes are cut off from each other, as the one
 * with the worst news does.
 */
export function summarize(answers: readonly NodeAnswer[], now: number): ClusterStatus {
  const heard = answers
    .filter(
      (answer): answer is NodeAnswer & { snapshot: PageSnapshot } => answer.snapshot !== undefined,
    )
    .sort((a, b) => rank(a.snapshot) - rank(b.snapshot) || b.snapshot.at - a.snapshot.at);
  const view = heard[0];
  return {
    state: view?.snapshot.health.state ?? 'unreachable',
    seenBy: view?.name,
    nodes: answers.map((answer) => row(answer, answer.snapshot ?? view?.snapshot, now)),
    addresses: view?.snapshot.addresses ?? [],
    problems: view?.snapshot.health.problems ?? [],
  };
}

function rank({ health }: PageSnapshot): number {
  const at = ORDER.indexOf(health.state);
  return at === -1 ? ORDER.length : at;
}

function row(
  { name, address, error, snapshot }: NodeAnswer,
  view: PageSnapshot | undefined,
  now: number,
): StatusRow {
  const node = view?.nodes.find((one) => one.name === name);
  const balancer = view?.balancers.find((one) => one.node === name)?.status;
  const broker = node?.broker?.status;
  const fresh = broker?.state === 'fresh' ? broker.value : undefined;
  return {
    name,
    address,
    page: snapshot !== undefined,
    broker:
      broker === undefined
        ? '-'
        : fresh === undefined
          ? broker.state
          : fresh.ready
            ? 'ready'
            : fresh.reasons.join('; '),
    balancer:
      balancer === undefined
        ? '-'
        : balancer.state === 'fresh'
          ? balancer.value?.ready === true
            ? 'ready'
            : 'unready'
          : balancer.state,
    clients: fresh?.clients,
    messages: fresh?.messagesIn,
    temperature: node?.vitals.state === 'fresh' ? node.vitals.value?.temperature : undefined,
    up: fresh === undefined ? undefined : now - fresh.startedAt,
    error,
  };
}
