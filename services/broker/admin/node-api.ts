import {
  type ClientRow,
  clientsSchema,
  type SessionRow,
  sessionsSchema,
  type TopicRow,
  topicsSchema,
} from '#core/contracts/admin.ts';
import type { Siblings } from '../workers/siblings.ts';
import type { AdminAnswer, AdminApi, AdminRequest } from './admin-api.ts';
import { limitOf, ROWS_MAX, TOPICS } from './paging.ts';

export interface NodeApiOptions {
  /** The first worker's own. */
  own: AdminApi;
  siblings: Siblings;
  token: string | undefined;
}

/** A place in a list of all workers: the worker from 0, and the row there. */
const WORKER = 2 ** 32;

interface Page<R> {
  node: string;
  total: number;
  next?: number | undefined;
  rows: R[];
}

/**
 * `/admin/` of a node with several workers, answered by the first one: its lists go on with those
 * of the others, and a client is looked for at all of them. What every worker knows alike (retained
 * messages, bans, shards, members) it answers alone.
 */
export class NodeApi {
  readonly #options: NodeApiOptions;

  constructor(options: NodeApiOptions) {
    this.#options = options;
  }

  async answer(request: AdminRequest): Promise<AdminAnswer> {
    const { own, siblings } = this.#options;
    if (siblings.count === 0) return own.answer(request);
    const { method, path } = request;
    const get = method === 'GET';
    switch (`${path[0]}/${path.length}`) {
      case 'clients/1':
        if (get) return this.#list(request, clientsSchema);
        break;
      case 'sessions/1':
        if (get) return this.#list(request, sessionsSchema);
        break;
      case 'topics/1':
        if (get) return this.#topics(request);
        break;
      case 'clients/2':
        return this.#client(request);
    }
    return own.answer(request);
  }

  async #list(
    request: AdminRequest,
    schema: typeof clientsSchema | typeof sessionsSchema,
  ): Promise<AdminAnswer> {
    const limit = limitOf(request.query);
    const from = Math.max(0, Number(request.query.get('from') ?? 0) || 0);
    let worker = Math.floor(from / WORKER);
    let at = from % WORKER;
    const list: Page<ClientRow | SessionRow> = { node: '', total: 0, rows: [] };
    const { siblings } = this.#options;
    for (; worker <= siblings.count && list.rows.length < limit; worker++, at = 0) {
      const page = await this.#page(request, worker, at, limit - list.rows.length, schema);
      // One that does not answer is missing; the others are not.
      if (page === undefined) continue;
      list.rows.push(...page.rows);
      if (page.next === undefined) continue;
      list.next = worker * WORKER + page.next;
      break;
    }
    if (list.next === undefined && worker <= siblings.count) list.next = worker * WORKER;
    const totals = await Promise.all(
      Array.from({ length: siblings.count + 1 }, (_, one) =>
        this.#page(request, one, 0, 1, schema),
      ),
    );
    list.node = totals[0]?.node ?? '';
    list.total = totals.reduce((sum, one) => sum + (one?.total ?? 0), 0);
    return { status: 200, body: list };
  }

  async #page(
    request: AdminRequest,
    worker: number,
    from: number,
    limit: number,
    schema: typeof clientsSchema | typeof sessionsSchema,
  ): Promise<Page<ClientRow | SessionRow> | undefined> {
    const query = new URLSearchParams(request.query);
    query.set('from', String(from));
    query.set('limit', String(limit));
    // Those that are away are listed once.
    if (worker > 0) query.set('stored', 'no');
    const { own, siblings, token } = this.#options;
    const { body } =
      worker === 0
        ? await own.answer({ ...request, query })
        : ((await siblings.ask(worker - 1, `/admin/${request.path[0]}?${query}`, { token })) ?? {
            body: undefined,
          });
    const page = schema.safeParse(body);
    return page.success ? page.data : undefined;
  }

  async #topics(request: AdminRequest): Promise<AdminAnswer> {
    const { own, siblings, token } = this.#options;
    const query = new URLSearchParams({ limit: String(ROWS_MAX) });
    const first = await own.answer({ ...request, query });
    const others = await siblings.askAll(`/admin/topics?${query}`, { token });
    const sums = new Map<string, TopicRow>();
    const list = { ...topicsSchema.parse(first.body), error: 0 };
    for (const reply of [first, ...others]) {
      const told = topicsSchema.safeParse(reply?.body);
      if (!told.success) continue;
      list.error += told.data.error;
      for (const { topic, messages, bytes } of told.data.rows) {
        const sum = sums.get(topic);
        sums.set(topic, {
          topic,
          messages: messages + (sum?.messages ?? 0),
          bytes: bytes + (sum?.bytes ?? 0),
        });
      }
    }
    list.rows = [...sums.values()]
      .sort((a, b) => b.messages - a.messages)
      .slice(0, limitOf(request.query, TOPICS));
    return { status: 200, body: list };
  }

  /** Shows or disconnects one, wherever it is. */
  async #client(request: AdminRequest): Promise<AdminAnswer> {
    const { own, siblings, token } = this.#options;
    const answer = await own.answer(request);
    if (answer.status !== 404) return answer;
    const { method, path } = request;
    const where = `/admin/clients/${encodeURIComponent(path[1]!)}`;
    for (let index = 0; index < siblings.count; index++) {
      const reply = await siblings.ask(index, where, { method, token });
      if (reply !== undefined && reply.status !== 404) return reply;
    }
    return answer;
  }
}
