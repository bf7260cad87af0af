import type { AcceptedHandle, ClientAddress } from '../listeners/handler.ts';
import type { ProxyConfig } from '../model.ts';
import type { ServiceName } from '../rules/service-actions.ts';
import type { TlsFacts } from '../samples/scope.ts';
import type { LiveSession, SessionFacts } from '../servers/live-session.ts';
import type { SeverReason } from '../servers/sever.ts';
import type { FrontendContext } from '../servers/types.ts';
import { countEvent } from '../stickiness/table/trackers.ts';
import { eventDate, eventNow } from '../tcp/event-clock.ts';
import { Wire, type WireOwner } from '../tcp/wire.ts';
import { Account } from './account.ts';
import { LF } from './chars.ts';
import type { ClientUser, ExchangeClient } from './client-side.ts';
import { Deadline } from './deadline.ts';
import { type ErrorStatus, type LocalResponse, refusalOf } from './errors.ts';
import { Exchange } from './exchange.ts';
import { MAX_HEAD } from './field-scanner.ts';
import { INCOMPLETE, type RequestHead } from './head.ts';
import type { HttpScope } from './http-scope.ts';
import type { Pools } from './pool.ts';
import { PrivateConnections } from './private-connections.ts';
import { parseRequestHead } from './request-head.ts';
import { SessionState } from './session-state.ts';

/** How long a client that was told to go may still take, milliseconds. */
const LINGER = 2000;

/** Answers requests to a proxy that need no server, such as those for the statistics page. */
export type LocalResponder = (
  head: RequestHead,
  config: ProxyConfig,
  /** What rules know of the request, its body included; only where they look at requests. */
  scope?: HttpScope,
  /** Set where a rule names who is to answer. */
  service?: ServiceName,
) => LocalResponse | undefined;

/**
 * One client connection: reads heads, lets one exchange after the other run in the order of the
 * requests, and keeps the limits between them (manual, `timeout http-request`, `timeout
 * http-keep-alive`, `timeout client`).
 */
export class ClientConnection implements ExchangeClient, LiveSession, WireOwner {
  context: FrontendContext;
  readonly pools: Pools;
  readonly tls: TlsFacts | undefined;
  #session: SessionState | undefined;
  #own: PrivateConnections | undefined;
  readonly #wire: Wire;
  readonly #client: ClientAddress;
  readonly #respond: LocalResponder;
  readonly #gone: () => void;
  readonly #deadline = new Deadline(() => this.#expired());
  /** What has come and is not used yet. */
  #input: Buffer | undefined;
  /** It is the reader's, who will overwrite it. */
  #borrowed = false;
  #user: ClientUser | undefined;
  /** The request under way. */
  #books: Account | undefined;
  #exchange: Exchange | undefined;
  #requests = 0;
  /** Length of a head that was looked at and is incomplete. */
  #tried = 0;
  #advancing = false;
  /** When the head under way began: date, and on the clock of performance.now(). */
  #headSince: number;
  #headBegan: number;
  #headOpen = true;
  #ended = false;
  #closing = false;
  #draining = false;
  #held = false;

  /** `gone` is called once, when the connection has ended. */
  constructor(
    { handle, client, acceptedAt, head, tls, session }: AcceptedHandle,
    context: FrontendContext,
    pools: Pools,
    respond: LocalResponder,
    gone: () => void,
  ) {
    this.context = context;
    this.pools = pools;
    this.#wire = new Wire(handle, this);
    this.#gone = gone;
    this.#client = client;
    this.#respond = respond;
    this.#input = head;
    this.tls = tls;
    this.#session = session;
    this.#headSince = acceptedAt;
    this.#headBegan = eventNow();
  }

  get draining(): boolean {
    return this.#draining;
  }

  get own(): PrivateConnections {
    this.#own ??= new PrivateConnections(this.pools);
    return this.#own;
  }

  get session(): SessionState {
    this.#session ??= new SessionState();
    return this.#session;
  }

  get again(): boolean {
    return this.#requests > 1;
  }

  start(): void {
    const { httpRequest, client } = this.context.config.timeouts;
    this.#deadline.set(httpRequest ?? client);
    if (this.#input) this.#advance();
    this.#wire.resume();
  }

  /** Ends an idle connection now, another one behind its exchange. */
  drain(): void {
    this.#draining = true;
    // The first request of a fresh connection is on its way, and nobody else can answer it.
    if (this.#requests > 0 && !this.#user && !this.#input) this.#close();
  }

  /** Another configuration is in force. */
  reloaded(): void {
    const { current } = this.context;
    if (!current) return;
    if (!this.#user) this.#follow(current);
    if (current.retired) this.drain();
  }

  get facts(): SessionFacts {
    const books = this.#books;
    return {
      client: this.#client,
      startedAt: books?.startedAt ?? this.#headSince,
      frontend: this.context,
      backend: books?.backend,
      server: books?.server,
      bytesIn: books?.bytesFromClient ?? 0,
      bytesOut: books?.bytesToClient ?? 0,
    };
  }

  /** Ends it; a request under way is logged as ended for that reason. */
  sever(reason: SeverReason): void {
    if (this.#exchange) this.#exchange.severed(reason);
    else this.#close();
  }

  destroy(): void {
    this.#closing = true;
    this.#wire.destroy();
  }

  send(head: string, parts: readonly Buffer[]): boolean {
    return this.#wire.write(head, parts);
  }

  drained(): void {
    this.#user?.clientDrained();
  }

  pause(): void {
    this.#held = true;
    this.#wire.pause();
  }

  resume(): void {
    this.#held = false;
    this.#advance();
    if (!this.#held && (this.#input?.length ?? 0) < MAX_HEAD) this.#wire.resume();
  }

  limit(milliseconds: number | undefined): void {
    this.#deadline.set(milliseconds);
  }

  sendEnd(): void {
    this.#wire.finish();
  }

  forget(): void {
    this.destroy();
  }

  handOver(user: ClientUser): void {
    this.#user = user;
  }

  exchangeDone(keep: boolean): void {
    this.#user = undefined;
    this.#books = undefined;
    this.#exchange = undefined;
    this.#held = false;
    if (!keep || this.#closing || this.#draining) {
      this.#close();
      return;
    }
    const { httpKeepAlive, httpRequest, client } = this.context.config.timeouts;
    this.#deadline.set(httpKeepAlive ?? httpRequest ?? client);
    this.#headOpen = false;
    if (this.#input || this.#ended) this.#advance();
    this.#wire.resume();
  }

  received(chunk: Buffer): void {
    if (this.#closing) return;
    this.#borrowed = this.#input === undefined;
    this.#input = this.#input ? Buffer.concat([this.#input, chunk]) : chunk;
    if (this.#hopeless(chunk)) return;
    this.#advance();
    if (this.#user && this.#input && this.#input.length >= MAX_HEAD) this.#wire.pause();
  }

  /**
   * Whether another look at a head under way would find nothing new: no line has ended since and
   * it has not doubled. Without this a head sent byte by byte would cost its length squared.
   */
  #hopeless(chunk: Buffer): boolean {
    if (this.#user || this.#tried === 0) return false;
    const { length } = this.#input!;
    return length < MAX_HEAD && length < 2 * this.#tried && !chunk.includes(LF);
  }

  /** Uses what has come, as far as it can be used now. */
  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    let input = this.#input;
    let at = 0;
    while (input && !this.#closing) {
      if (this.#user) {
        if (!this.#user.wantsBody || this.#held) break;
        at = this.#user.takeBody(input, at);
      } else {
        const next = this.#readHead(input, at);
        if (next < 0) break;
        at = next;
      }
      if (at === input.length) input = undefined;
    }
    if (!this.#closing) {
      const kept = input && (this.#borrowed || at > 0) ? Buffer.from(input.subarray(at)) : input;
      this.#input = kept;
    }
    this.#borrowed = false;
    this.#advancing = false;
    if (this.#ended) this.#afterEnd();
  }

  /** Starts an exchange; returns the position behind what it took, or -1 to wait or to stop. */
  #readHead(input: Buffer, at: number): number {
    if (!this.#headOpen) this.#openHead();
    const { acceptInvalidRequest } = this.context.config.options;
    const head = parseRequestHead(input, at, input.length, acceptInvalidRequest);
    if (head === INCOMPLETE) {
      this.#tried = input.length - at;
      return -1;
    }
    this.#tried = 0;
    this.#requests += 1;
    if (this.context.current) this.#follow(this.context.current);
    if (typeof head === 'number') return this.#refuse(head, 'PR');
    const account = this.#account();
    const exchange = new Exchange(this, head, account);
    const next = exchange.prepare(input, at + head.consumed);
    if (next < 0) return this.#refuse(400, 'PR');
    this.#deadline.clear();
    this.#headOpen = false;
    this.#user = exchange;
    this.#books = account;
    this.#exchange = exchange;
    account.requestParsed(head.requestLine);
    exchange.begin(this.#respond);
    return next;
  }

  /** A reload in between: the next request is for the frontend as it is now. */
  #follow(current: FrontendContext): void {
    if (current !== this.context) this.context = current;
    if (current.retired) this.#draining = true;
  }

  #openHead(): void {
    this.#headOpen = true;
    this.#headSince = eventDate();
    this.#headBegan = eventNow();
    const { httpRequest, client } = this.context.config.timeouts;
    this.#deadline.set(httpRequest ?? client);
  }

  #account(): Account {
    const account = new Account(this.context, this.#client, this.#headSince, this.#headBegan);
    account.secure = this.tls !== undefined;
    return account;
  }

  /** Answers what is no request, and closes. `termination` as in the log. */
  #refuse(status: ErrorStatus, termination: string): -1 {
    const account = this.#account();
    account.refused(status);
    const pair = { sessionTrackers: this.#session?.trackers };
    countEvent(pair, 'http_req');
    countEvent(pair, 'http_err');
    const { text, body } = refusalOf(status, this.context.config);
    if (text !== '') this.send(`${text}connection: close\r\n\r\n`, [body]);
    account.close(termination);
    this.#close();
    return -1;
  }

  #expired(): void {
    if (this.#closing) {
      this.destroy();
      return;
    }
    if (this.#user) {
      this.#user.clientExpired();
      return;
    }
    if (!this.#headOpen && !this.#input) {
      this.#close();
      return;
    }
    this.#probed(408, 'cR');
  }

  readEnded(): void {
    this.#ended = true;
    this.#afterEnd();
  }

  #afterEnd(): void {
    if (this.#closing || this.#advancing) return;
    if (this.#user) {
      if (!this.#input || !this.#user.wantsBody) this.#user.clientEnded();
    } else if (this.#requests > 0 && !this.#input) {
      this.#close();
    } else {
      this.#probed(400, 'CR');
    }
  }

  /** A connection that brought nothing is not worth a line where `option dontlognull` says so. */
  #probed(status: ErrorStatus, termination: string): void {
    const { dontlognull, ignoreProbes } = this.context.config.options;
    const nothing = this.#requests === 0 && !this.#input;
    if (nothing && ignoreProbes) {
      this.#close();
      return;
    }
    const silent = nothing && dontlognull;
    if (!silent) {
      this.#refuse(status, termination);
      return;
    }
    const { text, body } = refusalOf(status, this.context.config);
    if (text !== '') this.send(`${text}connection: close\r\n\r\n`, [body]);
    this.#close();
  }

  /** Sends FIN behind what was written, and does not wait long for the client's. */
  #close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#input = undefined;
    if (this.#ended) this.#wire.finishAndClose();
    else this.#wire.finish();
    // What the client still sends is read and dropped: unread, it would turn the FIN into a RST
    // that takes the response with it (RFC 9112, 9.6).
    this.#wire.resume();
    this.#deadline.set(LINGER);
  }

  closed(): void {
    this.#gone();
    this.#deadline.close();
    const user = this.#user;
    this.#user = undefined;
    if (user) user.clientClosed();
    // Cut by the client: it was not told to go, and what it has begun never becomes a request.
    else if (!this.#closing && (this.#requests === 0 || this.#input)) this.#probed(400, 'CR');
    this.#closing = true;
    this.#input = undefined;
    this.#own?.close();
  }
}
