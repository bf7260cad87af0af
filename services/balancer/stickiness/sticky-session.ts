import type { RequestHead, ResponseHead } from '../http/head.ts';
import type { CookieConfig } from '../model.ts';
import type { Persistence } from '../rules/model.ts';
import type { Backend } from '../servers/backend.ts';
import type { Server } from '../servers/server.ts';
import { isCacheable } from './cacheable.ts';
import { ageOf, type CookieDates, isDue, readDates, writeDates } from './cookie-dates.ts';
import { type Edit, editCookies, setCookieOf } from './cookies.ts';

/** Between a server's cookie and the application's in `prefix` mode. */
const DELIMITER = '~';
const GONE = 'Expires=Thu, 01-Jan-1970 00:00:01 GMT; ';

/** None, invalid, down, valid, expired, old, unused: the state of the request's cookie in the log. */
type RequestState = 'N' | 'I' | 'D' | 'V' | 'E' | 'O' | 'U';
/** None, present, deleted, inserted, rewritten, updated: what became of the response's. */
type ResponseState = 'N' | 'P' | 'D' | 'I' | 'R' | 'U';

/** For a request to `backend`; undefined where nothing sticks. */
export function stickySession(
  backend: Backend,
  head: RequestHead,
  rules: StickyRules = {},
): StickySession | undefined {
  const { cookie } = backend.config;
  return cookie && new StickySession(backend, cookie, head, rules);
}

/** What rules have decided before the cookie is looked at. */
export interface StickyRules {
  /** By `use-server`, whatever the cookie says. */
  readonly wantedServer?: Server | undefined;
  readonly persistence?: Persistence | undefined;
}

/**
 * One request of a backend with a stickiness cookie (manual, `cookie`): which server the request
 * asks for, and what each side gets to see of the cookie.
 */
export class StickySession {
  /** The server that the cookie names, if it can be had. */
  readonly wanted: Server | undefined;
  /** Start line and fields of the request, as the server gets them. */
  readonly requestText: string;
  readonly #config: CookieConfig;
  readonly #backend: Backend;
  readonly #method: string;
  /** When the client's cookie was last seen and first given; undefined = it does not say. */
  #dates: CookieDates = {};
  readonly #rules: StickyRules;
  #asked: RequestState = 'N';
  #answered: ResponseState = 'N';

  constructor(backend: Backend, config: CookieConfig, head: RequestHead, rules: StickyRules) {
    this.#rules = rules;
    this.#config = config;
    this.#backend = backend;
    this.#method = head.method;
    let wanted: Server | undefined;
    const decide = (value: string): Edit => {
      const { key, bare, dates } = this.#split(value);
      if (!wanted) wanted = this.#lookUp(key, dates);
      if (bare !== undefined) return { value: bare };
      return config.indirect && config.mode !== 'prefix' ? 'drop' : undefined;
    };
    this.requestText = head.text.includes('\ncookie: ')
      ? editFields(head, 'cookie', (value) => editCookies(value, config.name, decide))
      : head.text;
    this.wanted = wanted;
  }

  /** The third and fourth letter of a log line's termination state. */
  get letters(): string {
    const { mode, indirect } = this.#config;
    return mode === undefined && !indirect ? '--' : this.#asked + this.#answered;
  }

  /** The server that was wanted could not be reached, and another one serves. */
  redispatched(): void {
    if (this.#asked === 'V') this.#asked = 'D';
  }

  /** Start line and fields of the response from `server`, as the client gets them. */
  responseText(head: ResponseHead, server: Server): string {
    const { name, mode, indirect, nocache, preserve, postonly } = this.#config;
    const { wantedServer, persistence } = this.#rules;
    const direct = server === (wantedServer ?? this.wanted);
    const own = server.cookie;
    let text = head.text;
    let found = false;
    if (text.includes('\nset-cookie')) {
      text = editFields(head, 'set-cookie', (field) => {
        const cookie = setCookieOf(field);
        if (!cookie) return field;
        // Blanks around the sign go, as in HAProxy.
        const before = `${cookie.name}=`;
        const plain = before + field.slice(cookie.start);
        if (cookie.name !== name || persistence === 'ignore') return plain;
        found = true;
        this.#answered = 'P';
        if (preserve) return plain;
        if (mode === 'insert' || (direct && indirect)) {
          this.#answered = 'D';
          return '';
        }
        if (own === undefined || mode === undefined) return plain;
        this.#answered = 'R';
        const { start, value } = cookie;
        const kept =
          mode === 'prefix' ? DELIMITER + field.slice(start) : field.slice(start + value.length);
        return before + own + kept;
      });
    }
    const current = direct && !isDue(this.#dates, this.#config);
    if (
      mode !== 'insert' ||
      current ||
      persistence === 'ignore' ||
      (found && preserve) ||
      (postonly && this.#method !== 'POST')
    ) {
      return text;
    }
    this.#answered = direct ? 'U' : 'I';
    text += `set-cookie: ${this.#made(own)}\r\n`;
    if (nocache && isCacheable(this.#method, head)) text += 'cache-control: private\r\n';
    return text;
  }

  #made(value: string | undefined): string {
    const { name, domains, httpOnly, secure, attributes } = this.#config;
    const given = value === undefined ? '' : value + writeDates(this.#dates, this.#config);
    const parts = [`${name}=${given}; ${value === undefined ? GONE : ''}path=/`];
    for (const domain of domains) parts.push(`domain=${domain}`);
    if (httpOnly) parts.push('HttpOnly');
    if (secure) parts.push('Secure');
    return parts.concat(attributes).join('; ');
  }

  /** The part that names a server, and what the application is to get instead of the whole. */
  #split(value: string): { key: string; bare?: string; dates?: CookieDates } {
    if (this.#config.mode === 'prefix') {
      const at = value.indexOf(DELIMITER);
      return at < 0 ? { key: value } : { key: value.slice(0, at), bare: value.slice(at + 1) };
    }
    const at = value.indexOf('|');
    return at < 0 ? { key: value } : { key: value.slice(0, at), dates: readDates(value, at) };
  }

  #lookUp(key: string, dates: CookieDates = {}): Server | undefined {
    const age = ageOf(dates, this.#config);
    this.#dates = age === undefined ? dates : {};
    this.#asked = age ?? 'I';
    if (age !== undefined) return undefined;
    const { wantedServer, persistence } = this.#rules;
    if (wantedServer || persistence === 'ignore') {
      this.#asked = 'U';
      return undefined;
    }
    const persist = this.#backend.config.persist || persistence === 'force';
    for (const server of this.#backend.servers) {
      if (server.cookie !== key) continue;
      this.#asked = server.running ? 'V' : 'D';
      if (server.running || persist) return server;
    }
    return undefined;
  }
}

/** The text of a head with each field called `name` changed; '' takes the field away. */
function editFields(
  head: RequestHead | ResponseHead,
  name: string,
  edit: (value: string) => string,
): string {
  const lines = head.text.slice(0, -2).split('\r\n');
  const start = `${name}: `;
  const kept: string[] = [];
  for (const [index, line] of lines.entries()) {
    if (index === 0 || !line.startsWith(start)) {
      kept.push(line);
      continue;
    }
    const value = edit(line.slice(start.length));
    if (value !== '') kept.push(start + value);
  }
  return `${kept.join('\r\n')}\r\n`;
}
