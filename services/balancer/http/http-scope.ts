import type { Cache } from '../cache/cache.ts';
import { CacheSession } from '../cache/cache-session.ts';
import { type ClientAddress, rememberAccepted } from '../listeners/handler.ts';
import { encodeUnsafe } from '../log/format.ts';
import type { SessionRecord } from '../log/log-variables.ts';
import type { CapturedTexts } from '../log/record.ts';
import type { Position } from '../model.ts';
import type { FieldCapture, Persistence, RuleScope } from '../rules/model.ts';
import { asText, cast } from '../samples/cast.ts';
import { cookiesOf } from '../samples/fetches/http-names.ts';
import type { Sample } from '../samples/sample.ts';
import type { ServerEnds, TlsFacts } from '../samples/scope.ts';
import { PROCESS_VARIABLES, type VariableName, Variables } from '../samples/variables.ts';
import type { Server } from '../servers/server.ts';
import { setCookieOf } from '../stickiness/cookies.ts';
import type { Sticking } from '../stickiness/table/sticking.ts';
import { Trackers } from '../stickiness/table/trackers.ts';
import type { Account } from './account.ts';
import type { Message } from './message.ts';
import type { SessionState } from './session-state.ts';

/** One request as rules and log formats see it. Made only where a proxy has any. */
export class HttpScope implements RuleScope {
  request: Message | undefined;
  response: Message | undefined;
  body: string | undefined;
  bodySize: number | undefined;
  readonly payload = undefined;
  readonly final = true;
  readonly again: boolean;
  readonly tls: TlsFacts | undefined;
  /** Ends of the server's connection, while there is one. */
  serverEnds: ServerEnds | undefined;
  serverTls: TlsFacts | undefined;
  /** A level for the log line; undefined = the usual one. */
  logLevel: string | undefined;
  /** What it counts in stick-tables. */
  trackers: Trackers | undefined;
  /** Where `use-server` sends it. */
  wantedServer: Server | undefined;
  /** What `stick` rules have found and are to keep. */
  sticking: Sticking | undefined;
  /** What `force-persist` or `ignore-persist` says of it. */
  persistence: Persistence | undefined;
  /** The server's connection is not to be used again. */
  closeServer = false;
  serverTimeout: number | undefined;
  tunnelTimeout: number | undefined;
  lastRule: Position | undefined;
  readonly captures: { request: (string | undefined)[]; response: (string | undefined)[] } = {
    request: [],
    response: [],
  };
  compression: string | undefined;
  /** What caches have to do with it; made when a rule names one. */
  caching: CacheSession | undefined;
  readonly #account: Account;
  readonly #session: SessionState;
  #transaction: Variables | undefined;
  #message: Variables | undefined;
  #uniqueId: string | undefined;
  #requestCookie: string | undefined;
  #responseCookie: string | undefined;

  constructor(
    account: Account,
    session: SessionState,
    about: {
      request: Message;
      again: boolean;
      tls: TlsFacts | undefined;
      bodySize: number | undefined;
    },
  ) {
    this.#account = account;
    this.#session = session;
    this.request = about.request;
    this.again = about.again;
    this.tls = about.tls;
    this.bodySize = about.bodySize;
  }

  get frontend() {
    return this.#account.frontend;
  }

  get directory() {
    return this.#account.frontend.directory;
  }

  get backend() {
    return this.#account.backend;
  }

  get server() {
    return this.#account.server;
  }

  get client(): ClientAddress {
    return this.#account.client;
  }

  get requestLine() {
    return this.#account.requestLine;
  }

  /** Made when it is first asked for. */
  get uniqueId(): string | undefined {
    const format = this.frontend.config.rules?.uniqueIdFormat;
    if (this.#uniqueId === undefined && format) {
      this.#uniqueId = format.format(this, () => this.record());
    }
    return this.#uniqueId;
  }

  /** A server's connection serves the request; kept, since a closed one has no addresses. */
  connected(ends: ServerEnds, tls: TlsFacts | undefined): void {
    this.serverEnds = ends;
    this.serverTls = tls;
  }

  record(): SessionRecord {
    return this.#account.record('--');
  }

  variable({ scope, name }: VariableName): Sample | undefined {
    return this.#variables(scope)?.get(name);
  }

  setVariable({ scope, name }: VariableName, value: Sample | undefined): void {
    if (value) this.#variables(scope, true)?.set(name, value);
    else this.#variables(scope)?.delete(name);
  }

  /** Variables of the request end where those of the response begin. */
  #variables(scope: VariableName['scope'], create = false): Variables | undefined {
    if (scope === 'proc') return PROCESS_VARIABLES;
    if (scope === 'sess') return this.#session.variables;
    if (scope === 'txn') {
      if (create) this.#transaction ??= new Variables();
      return this.#transaction;
    }
    if ((scope === 'req') !== (this.response === undefined)) return undefined;
    if (create) this.#message ??= new Variables();
    return this.#message;
  }

  useCache(cache: Cache): void {
    if (!this.request) return;
    this.caching ??= new CacheSession();
    if (!this.caching.use(cache, this.request)) return;
    const { counters } = this.backend ?? this.frontend;
    counters.cacheLookups += 1;
    if (this.caching.hit) counters.cacheHits += 1;
  }

  get answeringCache(): string | undefined {
    return this.caching?.hit?.name;
  }

  storeInCache(cache: Cache): void {
    if (this.request && this.response) this.caching?.store(cache, this.request, this.response);
  }

  /** The response is here: rules on it begin. */
  responded(response: Message): void {
    this.response = response;
    this.#message = undefined;
  }

  get sessionTrackers(): Trackers | undefined {
    return this.#session.trackers;
  }

  track(session: boolean): Trackers {
    if (!session) {
      this.trackers ??= new Trackers();
      return this.trackers;
    }
    this.#session.trackers ??= new Trackers();
    return this.#session.trackers;
  }

  capture(side: 'request' | 'response', slot: number, value: string): void {
    this.captures[side][slot] = value;
  }

  /** Takes the fields and the cookie that the frontend keeps for its log. */
  captureRequest(): void {
    const { rules } = this.frontend.config;
    if (!rules || !this.request) return;
    captureFields(this.request, rules.requestCaptures, this.captures.request);
    const cookie = rules.cookieCapture;
    if (!cookie) return;
    for (const field of this.request.values('cookie')) {
      for (const [name, value] of cookiesOf(field)) {
        if (!isNamed(name, cookie)) continue;
        this.#requestCookie ??= `${name}=${value}`.slice(0, cookie.length);
      }
    }
  }

  captureResponse(): void {
    const { rules } = this.frontend.config;
    if (!rules || !this.response) return;
    captureFields(this.response, rules.responseCaptures, this.captures.response);
  }

  captureResponseCookie(): void {
    const cookie = this.frontend.config.rules?.cookieCapture;
    if (!cookie || !this.response) return;
    for (const field of this.response.values('set-cookie')) {
      const found = setCookieOf(field);
      if (!found || !isNamed(found.name, cookie)) continue;
      this.#responseCookie = `${found.name}=${found.value}`.slice(0, cookie.length);
    }
  }

  /** What was captured, for the log; undefined where the frontend keeps nothing. */
  get captured(): CapturedTexts | undefined {
    const { rules } = this.frontend.config;
    if (!rules) return undefined;
    const { requestCaptures, responseCaptures, cookieCapture } = rules;
    if (requestCaptures.length + responseCaptures.length === 0 && !cookieCapture) return undefined;
    const side = (values: readonly (string | undefined)[], { length }: { length: number }) =>
      Array.from({ length }, (_, slot) => values[slot]);
    const request = side(this.captures.request, requestCaptures);
    const response = side(this.captures.response, responseCaptures);
    return {
      requestCookie: this.#requestCookie,
      responseCookie: this.#responseCookie,
      request: braced(request),
      response: braced(response),
      requestList: listed(request),
      responseList: listed(response),
    };
  }

  setAddress(which: 'source' | 'target', what: 'host' | 'port', value: Sample): void {
    const client = rememberAccepted(this.#account.client);
    if (what === 'port') {
      const port = Number(cast(value, 'sint')?.value ?? -1n);
      if (port < 0 || port > 65_535) return;
      this.#account.client =
        which === 'source' ? { ...client, port } : { ...client, localPort: port };
      return;
    }
    const bytes = cast(value, 'addr');
    const host = bytes && asText(bytes);
    if (host === undefined) return;
    this.#account.client =
      which === 'source' ? { ...client, host, port: 0 } : { ...client, localHost: host };
  }

  setLogLevel(level: string): void {
    this.logLevel = level;
  }

  setTimeout(which: 'server' | 'tunnel', value: number): void {
    if (which === 'server') this.serverTimeout = value;
    else this.tunnelTimeout = value;
  }
}

const isNamed = (
  name: string,
  { name: wanted, prefix }: { name: string; prefix: boolean },
): boolean => (prefix ? name.startsWith(wanted) : name === wanted);

function captureFields(
  message: Message,
  captures: readonly FieldCapture[],
  into: (string | undefined)[],
): void {
  for (const [slot, { name, length }] of captures.entries()) {
    if (name === '') continue;
    const value = message.values(name).at(-1);
    if (value !== undefined) into[slot] = value.slice(0, length);
  }
}

/** Characters that would end a captured value in a log line early. */
const encoded = (value: string | undefined): string =>
  encodeUnsafe(value ?? '').replace(
    /[{|}]/g,
    (char) => `#${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );

const braced = (values: readonly (string | undefined)[]): string | undefined =>
  values.length === 0 ? undefined : `{${values.map(encoded).join('|')}}`;

/** `-` for what was not there. */
const listed = (values: readonly (string | undefined)[]): string | undefined =>
  values.length === 0 ? undefined : values.map((value) => encodeUnsafe(value ?? '-')).join(' ');
