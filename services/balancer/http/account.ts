import type { ClientAddress } from '../listeners/handler.ts';
import type { HttpRecord } from '../log/record.ts';
import type { CookieConfig } from '../model.ts';
import type { Backend } from '../servers/backend.ts';
import type { Counters } from '../servers/counters.ts';
import type { Server } from '../servers/server.ts';
import type { Assignment, FrontendContext } from '../servers/types.ts';
import type { StickySession } from '../stickiness/sticky-session.ts';
import { countBytes } from '../stickiness/table/trackers.ts';
import { eventDate, eventNow } from '../tcp/event-clock.ts';
import type { HttpScope } from './http-scope.ts';

/**
 * The books of one request: its timers, its bytes, and everybody's counters. Times follow
 * HAProxy's manual, section 8.4: TR, Tw, Tc, Tr, Ta, each -1 until its phase is over.
 */
export class Account {
  readonly frontend: FrontendContext;
  /** The client speaks TLS. */
  secure = false;
  /** Rules may give the client another address. */
  client: ClientAddress;
  /** Date of the request's first byte, milliseconds since the epoch. */
  readonly startedAt: number;
  backend: Backend | undefined;
  server: Server | undefined;
  requestLine: string | undefined;
  /** Set where rules or formats look at the request. */
  scope: HttpScope | undefined;
  /** What the log shows for a server where none has the request: it waits, or we answered. */
  serverLabel: string | undefined;
  requestTime = -1;
  queueTime = -1;
  connectTime = -1;
  responseTime = -1;
  status = -1;
  bytesToClient = 0;
  bytesFromClient = 0;
  /** Set where the backend has a stickiness cookie. */
  sticky: StickySession | undefined;
  retries = 0;
  redispatched = false;
  serverQueue = 0;
  backendQueue = 0;
  /** It still counts among its server's sessions. */
  placeHeld = false;
  /** On the clock of performance.now(): the first byte, and the start of the running phase. */
  readonly #began: number;
  #phase: number;
  #closed = false;
  #logged = false;
  /** Counted among its backend's sessions. */
  #session = true;

  constructor(frontend: FrontendContext, client: ClientAddress, startedAt: number, began: number) {
    this.frontend = frontend;
    this.client = client;
    this.startedAt = startedAt;
    this.#began = began;
    this.#phase = began;
  }

  /** The head is complete: the request counts from here on. */
  requestParsed(requestLine: string): void {
    this.requestLine = requestLine;
    const { counters } = this.frontend;
    counters.reqTot += 1;
    counters.requestRate.hit(eventDate());
    this.requestTime = this.#lap();
  }

  backendChosen(backend: Backend, headBytes: number): void {
    this.backend = backend;
    const { counters } = backend;
    const now = eventDate();
    counters.sessionStarted(now);
    counters.lastSession = now;
    counters.reqTot += 1;
    counters.requestRate.hit(eventDate());
    counters.bin += headBytes;
  }

  /** We answer for a proxy ourselves: a `listen`'s backend sees the bytes, but no session. */
  servedBy(backend: Backend | undefined, headBytes: number): void {
    this.statistics();
    if (backend?.config.id !== this.frontend.config.id) return;
    this.backend = backend;
    this.#session = false;
    backend.counters.bin += headBytes;
  }

  /** A place on a server; the last one counts. `headBytes` are only known to the first. */
  serverAssigned(assignment: Assignment, headBytes: number): void {
    const { server } = assignment;
    this.queueTime = Math.max(this.queueTime, 0) + Math.round(assignment.waited);
    this.#phase = eventNow();
    this.placeHeld = true;
    if (this.server === server) return;
    this.server = server;
    server.counters.bin += headBytes;
  }

  /** Waited for a place in vain. */
  leftQueue(): void {
    this.queueTime = Math.max(this.queueTime, 0) + this.#lap();
  }

  connected(): void {
    this.connectTime = this.#lap();
  }

  /** The connection was there already. */
  reused(): void {
    this.connectTime = Math.max(this.connectTime, 0);
    this.#phase = eventNow();
  }

  /** What the server said cannot be passed on, or it said nothing in time. */
  badResponse(): void {
    if (this.backend) this.backend.counters.eresp += 1;
    if (this.server) this.server.counters.eresp += 1;
  }

  /** The final response head is here. */
  responded(status: number, bytes: number): void {
    this.responseTime = this.#lap();
    this.status = status;
    this.backend?.counters.response(status);
    this.frontend.counters.response(status);
    if (this.server) {
      this.backend?.observed(this.server, this.responseTime);
      this.server.counters.response(status);
      this.server.counters.reqTot += 1;
    }
    this.bytesOut(bytes);
    if (this.frontend.config.options.logasap && this.frontend.logging) {
      this.#log(this.record('--', undefined, true));
    }
  }

  /** What came is no request, or none came in time. */
  refused(status: number): void {
    this.status = status;
    const { counters } = this.frontend;
    counters.ereq += 1;
    counters.reqTot += 1;
    counters.requestRate.hit(eventDate());
    counters.response(status);
  }

  /** We answered ourselves instead of a server. */
  answeredLocally(status: number): void {
    this.status = status;
    this.frontend.counters.response(status);
    if (this.#session) this.backend?.counters.response(status);
  }

  /** A rule refused a request or a response. */
  denied(what: 'request' | 'response'): void {
    const key = what === 'request' ? 'dreq' : 'dresp';
    this.frontend.counters[key] += 1;
    if (this.backend && this.backend.counters !== this.frontend.counters) {
      this.backend.counters[key] += 1;
    }
    if (what === 'response' && this.server) this.server.counters.dresp += 1;
  }

  /** We answer with the statistics, behind rules. */
  statistics(label = '<STATS>'): void {
    this.serverLabel = label;
    this.queueTime = 0;
    this.connectTime = 0;
    this.responseTime = 0;
    this.frontend.counters.intercepted += 1;
  }

  /** So many bytes were compressed, into so many. */
  compressed(input: number, output: number): void {
    this.#both((counters) => {
      counters.compIn += input;
      counters.compOut += output;
    });
  }

  /** A coding that changes nothing took so many bytes. */
  uncompressed(bytes: number): void {
    this.#both((counters) => {
      counters.compByp += bytes;
    });
  }

  /** A response was compressed to its end. */
  compressedWhole(): void {
    this.#both((counters) => {
      counters.compRsp += 1;
    });
  }

  #both(count: (counters: Counters) => void): void {
    count(this.frontend.counters);
    if (this.backend && this.backend.counters !== this.frontend.counters) {
      count(this.backend.counters);
    }
  }

  /** A kept response answers it: a request of the frontend alone. */
  cached(status: number): void {
    this.status = status;
    this.frontend.counters.response(status);
    if (this.backend) this.backend.counters.reqTot -= 1;
    this.serverLabel = '<CACHE>';
    this.queueTime = 0;
    this.connectTime = 0;
    this.responseTime = 0;
  }

  bytesIn(count: number): void {
    this.bytesFromClient += count;
    this.frontend.counters.bin += count;
    if (this.backend) this.backend.counters.bin += count;
    if (this.server) this.server.counters.bin += count;
  }

  bytesOut(count: number): void {
    this.bytesToClient += count;
    this.frontend.counters.bout += count;
    if (this.backend) this.backend.counters.bout += count;
    if (this.server) this.server.counters.bout += count;
  }

  /** The request is over: counts its end and writes its line. `termination`: two letters. */
  close(termination: string): void {
    if (this.#closed) return;
    this.#closed = true;
    const { backend, server } = this;
    if (this.#session) backend?.counters.sessionEnded();
    const total = Math.round(eventNow() - this.#began);
    if (server && this.responseTime >= 0) {
      this.#average(server.counters, total);
      if (backend) this.#average(backend.counters, total);
    }
    if (termination.startsWith('C') || termination.startsWith('c')) {
      this.#each((counters) => {
        counters.cliAborts += 1;
      });
    } else if ((termination === 'SD' || termination === 'sD') && this.status >= 0) {
      this.#each((counters) => {
        counters.srvAborts += 1;
      });
    }
    if (this.frontend.logging && !this.#logged) this.#log(this.record(termination, total));
    this.#untrack();
  }

  /** Its one line. */
  #log(record: HttpRecord): void {
    this.#logged = true;
    if (this.scope?.logLevel !== 'silent') this.frontend.log(record);
  }

  /** As `close`, for a connection that ends without a word: nothing is written. */
  discard(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.backend?.counters.sessionEnded();
    this.#untrack();
  }

  #untrack(): void {
    const { scope } = this;
    if (!scope) return;
    countBytes(scope, this.bytesFromClient, this.bytesToClient);
    scope.trackers?.close();
  }

  #each(count: (counters: Counters) => void): void {
    count(this.frontend.counters);
    if (this.backend) count(this.backend.counters);
    if (this.server) count(this.server.counters);
  }

  #average(counters: Counters, total: number): void {
    counters.qtime.add(this.queueTime);
    counters.ctime.add(Math.max(this.connectTime, 0));
    counters.rtime.add(this.responseTime);
    counters.ttime.add(total);
  }

  /** What a log line of this moment would tell. */
  record(termination: string, total?: number, early = false): HttpRecord {
    const totalTime = total ?? Math.round(eventNow() - this.#began);
    const { client, frontend, backend, server } = this;
    return {
      kind: 'http',
      clientAddress: client.host,
      clientPort: client.port,
      frontendAddress: client.localHost,
      frontendPort: client.localPort,
      startedAt: this.startedAt,
      frontend: frontend.config.name,
      secure: this.secure,
      backend: backend?.config.name ?? frontend.config.name,
      server: this.serverLabel ?? server?.config.name,
      requestTime: this.requestTime,
      queueTime: this.queueTime,
      connectTime: this.connectTime,
      responseTime: this.responseTime,
      totalTime,
      status: this.status,
      bytesToClient: this.bytesToClient,
      termination,
      cookies: this.sticky?.letters ?? noCookies((backend ?? frontend).config.cookie),
      processConnections: frontend.actconn(),
      frontendConnections: frontend.counters.present,
      backendConnections: backend?.counters.present ?? 0,
      serverConnections: (server?.cur ?? 0) - (this.placeHeld ? 1 : 0),
      retries: this.retries,
      redispatched: this.redispatched,
      serverQueue: this.serverQueue,
      backendQueue: this.backendQueue,
      requestLine: this.requestLine,
      bytesFromClient: this.bytesFromClient,
      scope: this.scope,
      captured: this.scope?.captured,
      level: this.scope?.logLevel,
      early,
    };
  }

  /** Milliseconds since the last lap. */
  #lap(): number {
    const now = eventNow();
    const spent = Math.round(now - this.#phase);
    this.#phase = now;
    return spent;
  }
}

/** The letters of a request that ended before its cookies were looked at. */
function noCookies(config: CookieConfig | undefined): string {
  return config && (config.mode !== undefined || config.indirect) ? 'NN' : '--';
}
