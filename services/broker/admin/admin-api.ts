import { isIP } from 'node:net';
import type { Broker } from '../broker.ts';
import { REASON } from '../codec/reason.ts';
import { isTopicFilter } from '../codec/topic.ts';
import type { Connection } from '../connection/connection.ts';
import { addressKey } from '../limits/addresses.ts';
import { BAN_KINDS, type BanKind } from '../limits/bans.ts';
import { ADMIN, disconnectBanned } from './banned.ts';
import { clientDetail, clientRow } from './clients.ts';
import { limitOf, numberOf, pageOf, TOPICS } from './paging.ts';
import { retainedRow } from './retained.ts';
import { sessionCount, sessionRows } from './sessions.ts';

export interface AdminRequest {
  method: string;
  /** Decoded, without `/admin`: `['clients', 'lamp']`. */
  path: readonly string[];
  query: URLSearchParams;
  body: unknown;
  /** Who asks, for the audit trail. */
  address: string;
}

export interface AdminAnswer {
  status: number;
  body: unknown;
}

const PREVIEW = 120;
const PREVIEW_MAX = 4_096;
const WHY_MAX = 200;
const BAN_DEFAULT = 300_000;
/** A year. */
const BAN_MAX = 31_536_000_000;

const bad = (error: string): AdminAnswer => ({ status: 400, body: { error } });
const missing = (error: string): AdminAnswer => ({ status: 404, body: { error } });
const ok = (body: unknown): AdminAnswer => ({ status: 200, body });

/** What `/admin/` answers: core/contracts/admin.ts. It never throws for what a caller sends. */
export class AdminApi {
  readonly #broker: Broker;
  readonly #siblings: boolean;

  /** `siblings`: the node has other workers, which are asked for what they have. */
  constructor(broker: Broker, { siblings = false }: { siblings?: boolean } = {}) {
    this.#broker = broker;
    this.#siblings = siblings;
  }

  async answer(request: AdminRequest): Promise<AdminAnswer> {
    const { method, path, query } = request;
    const [list, first, second] = path;
    const get = method === 'GET';
    switch (`${list}/${path.length}`) {
      case 'clients/1':
        if (get) return this.#clients(query);
        break;
      case 'clients/2':
        if (get) return this.#client(first!);
        if (method === 'DELETE') return this.#kick(first!, request);
        break;
      case 'sessions/1':
        if (get) return this.#sessions(query);
        break;
      case 'retained/1':
        if (get) return this.#retained(query);
        break;
      case 'topics/1':
        if (get) return this.#topics(query);
        break;
      case 'bans/1':
        if (get) return ok({ node: this.#broker.node, rows: [...this.#broker.gate.bans.all()] });
        if (method === 'POST') return this.#ban(request);
        break;
      case 'bans/3':
        if (method === 'DELETE') return this.#lift(first!, second!, request);
        break;
      case 'shards/1':
        if (get) return this.#shards();
        break;
      case 'members/1':
        if (get) return this.#members();
        break;
      default:
        return missing('known here: clients sessions retained topics bans shards members');
    }
    return { status: 405, body: { error: `${method} is not for ${path.join('/')}` } };
  }

  #clients(query: URLSearchParams): AdminAnswer {
    const { node, sessions } = this.#broker;
    const search = query.get('search') ?? '';
    return ok({
      node,
      total: sessions.connected,
      ...pageOf(
        query,
        sessions.connections,
        ({ state, clientId, user }) =>
          state === 'open' && (clientId.includes(search) || user.includes(search)),
        clientRow,
      ),
    });
  }

  #client(clientId: string): AdminAnswer {
    const connection = this.#find(clientId);
    if (connection === undefined) return missing('not connected to this node');
    return ok(clientDetail(this.#broker.node, connection));
  }

  #kick(clientId: string, { address }: AdminRequest): AdminAnswer {
    const connection = this.#find(clientId);
    if (connection === undefined) return missing('not connected to this node');
    this.#broker.audit.done({ clientId, address, why: 'client disconnected' });
    connection.disconnect(REASON.ADMINISTRATIVE_ACTION, 'kicked');
    return ok({ kicked: true });
  }

  #find(clientId: string): Connection | undefined {
    for (const connection of this.#broker.sessions.connections) {
      if (connection.state === 'open' && connection.clientId === clientId) return connection;
    }
    return undefined;
  }

  #sessions(query: URLSearchParams): AdminAnswer {
    const { node, sessions, cluster } = this.#broker;
    const search = query.get('search') ?? '';
    // Of several workers only one has to tell of those that nobody has.
    const stored = query.get('stored') === 'no' ? undefined : cluster?.index;
    const listed = { node, own: sessions, stored, siblings: this.#siblings };
    const rows = sessionRows(listed);
    return ok({
      node,
      total: sessionCount(listed),
      ...pageOf(
        query,
        rows,
        (row) => row.clientId.includes(search),
        (row) => row,
      ),
    });
  }

  #retained(query: URLSearchParams): AdminAnswer {
    const { node, retained } = this.#broker;
    const filter = query.get('filter') ?? '#';
    if (!isTopicFilter(filter)) return bad('filter: not an MQTT topic filter');
    const preview = numberOf(query, 'preview', PREVIEW, PREVIEW_MAX);
    const page = pageOf(
      query,
      retained.match(filter),
      () => true,
      (message) => retainedRow(message, preview),
    );
    return ok({ node, total: retained.size, bytes: retained.bytes, ...page });
  }

  #topics(query: URLSearchParams): AdminAnswer {
    const { rates, ...rest } = this.#broker.topics.top(limitOf(query, TOPICS));
    return ok({ node: this.#broker.node, ...rest, rows: rates });
  }

  #ban({ body, address }: AdminRequest): AdminAnswer {
    const {
      kind,
      value,
      why = '',
      for: time = BAN_DEFAULT,
    } = (body ?? {}) as Record<string, unknown>;
    if (!isBanKind(kind)) return bad(`kind: one of ${BAN_KINDS.join(', ')}`);
    if (typeof value !== 'string' || value === '')
      return bad('value: a client id, user or address');
    if (kind === 'address' && isIP(value) === 0) return bad('value: not an IP address');
    if (typeof why !== 'string' || why.length > WHY_MAX) {
      return bad(`why: a text of at most ${WHY_MAX} characters`);
    }
    if (typeof time !== 'number' || !(time > 0 && time <= BAN_MAX)) {
      return bad('for: milliseconds, at most a year');
    }
    const since = Date.now();
    const key = kind === 'address' ? addressKey(value) : value;
    const ban = { kind, value: key, why, by: ADMIN, since, until: since + time };
    const { gate, audit } = this.#broker;
    gate.bans.set(ban);
    audit.done({ address, why: `${kind} ${key} banned for ${Math.ceil(time / 1000)} s: ${why}` });
    const kicked = disconnectBanned(this.#broker.sessions, ban);
    return { status: 201, body: { ...ban, kicked } };
  }

  #lift(kind: string, value: string, { address }: AdminRequest): AdminAnswer {
    if (!isBanKind(kind)) return bad(`kind: one of ${BAN_KINDS.join(', ')}`);
    const isAddress = kind === 'address' && isIP(value) !== 0;
    const { gate, audit } = this.#broker;
    if (!gate.bans.lift(kind, isAddress ? addressKey(value) : value)) return missing('not banned');
    audit.done({ address, why: `ban of ${kind} ${value} lifted` });
    return ok({ lifted: true });
  }

  async #shards(): Promise<AdminAnswer> {
    const { node, cluster } = this.#broker;
    return ok({ node, rows: (await cluster?.messages.info()) ?? [] });
  }

  #members(): AdminAnswer {
    const { node, startedAt, cluster } = this.#broker;
    const reasons = [...this.#broker.unready()];
    const peers = cluster?.members.peers ?? [];
    return ok({ node, startedAt, ready: reasons.length === 0, reasons, peers });
  }
}

function isBanKind(kind: unknown): kind is BanKind {
  return BAN_KINDS.some((one) => one === kind);
}
