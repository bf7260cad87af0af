import { errorResponse, type LocalResponse, localResponse } from '../http/errors.ts';
import { fieldOf, type RequestHead } from '../http/head.ts';
import type { HttpScope } from '../http/http-scope.ts';
import type { ProxyConfig, StatsConfig } from '../model.ts';
import type { InfoField } from '../runtime/info.ts';
import type { StatsView } from '../servers/types.ts';
import { obey, type Result } from './admin.ts';
import { authorized } from './auth.ts';
import { toCsv, toJson, toTyped } from './formats.ts';
import { renderPage } from './page.ts';
import { prometheusText } from './prometheus.ts';
import { buildRows, type ServerConnections, type StatRow } from './rows.ts';

const NO_CACHE = 'cache-control: no-cache';
/** Longest form, bytes: what is held of a body. */
const MAX_FORM = 15_360;
/** Longest part of a name that is looked for, as HAProxy's form has it. */
const MAX_SCOPE = 20;

/**
 * Answers requests for the statistics (manual, `stats enable` and its options): the page, and
 * with an option behind the address `;csv`, `;json`, `;typed`, `;up`, `;norefresh`; a POST is an
 * order to servers (`stats admin`). undefined = the
 * request is for somebody else.
 */
export class StatsResponder {
  readonly #view: StatsView;
  readonly #connections: ServerConnections;

  constructor(view: StatsView, connections: ServerConnections) {
    this.#view = view;
    this.#connections = connections;
  }

  /** For a request to this proxy. */
  respond(head: RequestHead, config: ProxyConfig, scope?: HttpScope): LocalResponse | undefined {
    return config.stats && this.#at(config, head)
      ? this.#answer(config.stats, config, head, scope)
      : undefined;
  }

  /** `use-service prometheus-exporter`. */
  metrics(
    { target }: RequestHead,
    config: ProxyConfig,
    info: () => readonly InfoField[],
  ): LocalResponse {
    const query = /\?([^#]*)/.exec(target)?.[1] ?? '';
    const text = prometheusText(this.#view, this.#connections, info, query);
    if (text === undefined) return errorResponse(400, config);
    const body = Buffer.from(text);
    const type = 'content-type: text/plain; version=0.0.4';
    return localResponse(200, 'OK', [NO_CACHE, type, `content-length: ${body.length}`], body);
  }

  /** Whether the request is for the statistics of `config`: their address is a prefix. */
  #at({ stats }: ProxyConfig, head: RequestHead): boolean {
    if (!stats || !/^(GET|HEAD|POST)$/.test(head.method)) return false;
    return pathOf(head.target).startsWith(stats.uri);
  }

  #answer(
    stats: StatsConfig,
    config: ProxyConfig,
    head: RequestHead,
    scope: HttpScope | undefined,
  ): LocalResponse {
    if (!authorized(stats.users, fieldOf(head, 'authorization')))
      return unauthorized(stats, config);
    const admin = scope !== undefined && (stats.admin?.some((when) => when(scope)) ?? false);
    if (head.method === 'POST') {
      const result = admin ? this.#obey(scope) : 'DENY';
      const kept = pathOf(head.target).slice(stats.uri.length);
      const known = stats.refresh === undefined ? [';up'] : [';up', ';norefresh'];
      const flags = known.filter((flag) => kept.includes(flag)).join('');
      const asked = scopeIn(kept);
      const only = asked === '' ? '' : `?scope=${asked}`;
      const location = `location: ${stats.uri};st=${result}${flags}${only}`;
      const fields = [NO_CACHE, 'content-type: text/plain', 'content-length: 0', location];
      return localResponse(303, 'See Other', fields, Buffer.alloc(0));
    }
    const options = pathOf(head.target).slice(stats.uri.length);
    const refresh = options.includes(';norefresh') ? undefined : stats.refresh;
    const { type, body } = this.#body(stats, options, { refresh, admin, proxy: config.name });
    const fields = [NO_CACHE, `content-type: ${type}`, `content-length: ${body.length}`];
    if (refresh !== undefined) fields.push(`refresh: ${refresh}`);
    return localResponse(200, 'OK', fields, body);
  }

  #obey({ body = '' }: HttpScope): Result {
    if (body.length > MAX_FORM) return 'EXCD';
    const result = obey(body, this.#view);
    this.#view.onForm?.(body);
    this.#view.crew?.refresh();
    return result;
  }

  #body(
    stats: StatsConfig,
    options: string,
    { refresh, admin, proxy }: { refresh: number | undefined; admin: boolean; proxy: string },
  ): { type: string; body: Buffer } {
    const now = Date.now();
    const upOnly = options.includes(';up');
    const { legends = false, scope = [] } = stats;
    const all = buildRows(this.#view, this.#connections, now);
    const asked = scopeIn(options).toLowerCase();
    const rows = all.filter(
      (row) =>
        (scope.length === 0 || isInScope(row, scope, proxy)) &&
        String(row.pxname).toLowerCase().includes(asked),
    );
    if (options.includes(';csv')) {
      return { type: 'text/plain', body: Buffer.from(toCsv(shown(rows, upOnly), legends)) };
    }
    if (options.includes(';json')) {
      return { type: 'application/json', body: Buffer.from(toJson(shown(rows, upOnly), legends)) };
    }
    const { startedAt } = this.#view;
    if (options.includes(';typed')) {
      return { type: 'text/plain', body: Buffer.from(toTyped(shown(rows, upOnly))) };
    }
    const result = /;st=([A-Z]{4})/.exec(options)?.[1];
    const page = renderPage(rows, { stats, refresh, upOnly, startedAt, now, admin, result });
    return { type: 'text/html', body: Buffer.from(page) };
  }
}

const isInScope = (row: StatRow, scope: readonly string[], own: string): boolean =>
  scope.some((name) => (name === '.' ? own : name) === row.pxname);

/** `scope=` in a request's address: part of the names of the proxies that are asked for. */
const scopeIn = (options: string): string =>
  /scope=([^;&]*)/.exec(options)?.[1]?.slice(0, MAX_SCOPE) ?? '';

/** `;up` leaves out servers that are down. */
function shown(rows: StatRow[], upOnly: boolean): StatRow[] {
  return upOnly ? rows.filter((row) => !String(row.status).startsWith('DOWN')) : rows;
}

/** What follows the authority, in whichever form the target is. */
function pathOf(target: string): string {
  if (target.startsWith('/')) return target;
  const path = target.indexOf('/', target.indexOf('://') + 3);
  return path < 0 ? '' : target.slice(path);
}

function unauthorized(stats: StatsConfig, config: ProxyConfig): LocalResponse {
  const page = errorResponse(401, config);
  const realm = stats.realm.replace(/["\\]/g, '\\$&');
  const field = `www-authenticate: Basic realm="${realm}"`;
  return {
    ...page,
    text: `${page.text}${field}\r\n`,
    counted: page.counted + field.length - 2,
  };
}
