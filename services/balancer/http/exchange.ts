import type { RetryOn } from '../model.ts';
import type { Backend } from '../servers/backend.ts';
import { statusSign } from '../servers/observer.ts';
import { stickySession } from '../stickiness/sticky-session.ts';
import type { Account } from './account.ts';
import { BodyFlow } from './body-flow.ts';
import type { LocalResponder } from './client-connection.ts';
import type { ClientUser, ExchangeClient } from './client-side.ts';
import { connectionMode, responseConnection } from './connection-field.ts';
import { Connector, type ConnectorOwner } from './connector.ts';
import { ExchangeEnds } from './exchange-ends.ts';
import { ExchangeRules, needsRules, type RuledExchange } from './exchange-rules.ts';
import { handBack } from './hand-back.ts';
import {
  BODY_TUNNEL,
  BODY_UNTIL_CLOSE,
  INCOMPLETE,
  isRepeatable,
  type RequestHead,
  type ResponseHead,
} from './head.ts';
import { requestText } from './request-text.ts';
import { ResponseReader } from './response-reader.ts';
import { reuseFor } from './reuse.ts';
import { Tunnel, tunnelLimits } from './tunnel.ts';
import type { Upstream, UpstreamUser } from './upstream.ts';

/** One request and its response, from the parsed head to the last byte both ways. */
export class Exchange
  extends ExchangeEnds
  implements UpstreamUser, ClientUser, ConnectorOwner, RuledExchange
{
  #reader: ResponseReader;
  #response: BodyFlow | undefined;
  #responseHead: ResponseHead | undefined;
  /** Whether the server connection may outlive the exchange, as far as options say. */
  #keepServer = false;
  /** The server's connection is gone or useless, what is left of the request goes nowhere. */
  #discardBody = false;

  constructor(client: ExchangeClient, head: RequestHead, account: Account) {
    super(client, head, account);
    this.#reader = new ResponseReader(head.method);
  }

  get wantsBody(): boolean {
    if (this.request.done) return false;
    if (this.phase === 'rules') return this.rules?.wantsBody ?? false;
    return this.phase === 'wait' || this.phase === 'relay';
  }

  /**
   * Looks at the body bytes that came with the head, before anybody is connected. Returns the
   * position behind them, or -1 when they are broken: then the request never was one.
   */
  prepare(input: Buffer, offset: number): number {
    if (this.request.done || offset >= input.length) return offset;
    const at = this.request.collect(input, offset);
    if (at >= 0) this.firstBody = this.request.output.map(copied);
    this.whole = this.request.done;
    return at;
  }

  /** Answers it, or looks for a server; `respond` gives the pages of our own. */
  begin(respond: LocalResponder): void {
    const { context } = this.client;
    const backend = context.backendFor();
    if (needsRules(context.config) || needsRules(backend?.config)) {
      this.#beginRules(respond);
      return;
    }
    const page =
      respond(this.head, context.config) ?? (backend && respond(this.head, backend.config));
    if (page) {
      this.respondLocally(page);
      return;
    }
    this.account.bytesIn(this.headBytes);
    if (backend) this.enter(backend);
    this.proceed(this.head, backend);
  }

  #beginRules(respond: LocalResponder): void {
    this.phase = 'rules';
    this.account.bytesIn(this.headBytes);
    this.rules = new ExchangeRules(this, this.client, this.account, this.head, respond);
    this.rules.run();
  }

  enter(backend: Backend): void {
    this.backend = backend;
    this.account.backendChosen(backend, this.headBytes);
  }

  proceed(head: RequestHead, backend: Backend | undefined): void {
    this.head = this.negotiated(head, backend);
    this.phase = 'connect';
    if (this.answeredFromCache()) return;
    if (this.ended && !this.request.done) {
      this.cut('CR');
      return;
    }
    if (!backend) {
      this.account.requestTime = -1;
      this.fail(503, 'SC');
      return;
    }
    const mode = connectionMode(this.client.context.config, backend.config);
    if (mode === 'close') this.keepClient = false;
    this.#keepServer = mode === 'keep-alive';
    this.account.sticky = stickySession(backend, this.head, this.account.scope);
    this.connector = new Connector(backend, this.client.pools, this.account, this, {
      reuse: this.#keepServer ? reuseFor(backend.config.httpReuse, this.client.again) : undefined,
      own: this.client,
      headBytes: this.headBytes,
      hash: backend.hash({
        source: this.account.client.host,
        head: this.head,
        scope: this.account.scope,
        data: this.firstBody,
      }),
    });
    this.connector.start();
  }

  obtained(upstream: Upstream): void {
    this.upstream = upstream;
    upstream.user = this;
    if (upstream.served === 0) this.account.connected();
    else this.account.reused();
    if (this.refusedAhead(upstream)) return;
    this.phase = 'wait';
    upstream.deadline.set(this.serverTimeout);
    if (!this.request.done) this.limitClient();
    const text = requestText(this.head, this.account, this.backend!.config, this.#keepServer);
    if (!upstream.write(text, this.firstBody)) this.client.pause();
    else if (!this.request.done) this.client.resume();
  }

  takeBody(input: Buffer, offset: number): number {
    const at = this.request.collect(input, offset);
    this.account.bytesIn(this.request.counted);
    if (this.phase === 'rules') return this.#holdBody(at, input.length);
    if (this.request.done) this.client.limit(undefined);
    else this.limitClient();
    const upstream = this.#discardBody ? undefined : this.upstream;
    if (upstream) {
      if (!upstream.write('', this.request.output)) this.client.pause();
      if (this.phase === 'wait') upstream.deadline.set(this.serverTimeout);
    }
    if (at < 0) {
      this.#broken();
      return input.length;
    }
    if (this.request.done && this.#response?.done) this.#complete();
    return at;
  }

  /** Rules wait for the body: keeps what came and lets them look. */
  #holdBody(at: number, end: number): number {
    this.firstBody.push(...this.request.output.map(copied));
    if (at < 0) {
      this.keepClient = false;
      this.fail(400, 'PR');
      return end;
    }
    this.rules!.bodyArrived();
    return at;
  }

  /** The client broke the framing of its body. */
  #broken(): void {
    this.keepClient = false;
    if (this.phase === 'wait') this.fail(400, 'PH');
    else this.cut('PD');
  }

  upstreamData(chunk: Buffer): void {
    if (this.phase === 'wait') {
      this.#reader.push(chunk);
      this.#readHeads();
    } else if (this.phase === 'relay' && !this.#response!.done) {
      this.upstream!.deadline.set(this.serverTimeout);
      this.#forward('', chunk, this.#response!.collect(chunk, 0));
    } else {
      // More than the response: nothing that could be asked for, so this one is not kept.
      this.#discardBody = true;
    }
  }

  /** Passes interim responses on, then starts with the final one. */
  #readHeads(): void {
    for (;;) {
      const head = this.#reader.next(this.backend!.config.options.acceptInvalidResponse);
      if (head === INCOMPLETE) {
        this.#reader.keep();
        return;
      }
      if (typeof head === 'number') {
        if (!this.#retry('junk-response')) this.badResponse(502, 'PH');
        return;
      }
      if (head.status >= 200 && this.#retry(head.status)) return;
      if (head.status >= 200 || head.status === 101) {
        this.#respond(head, this.#reader.input, this.#reader.at);
        return;
      }
      if (this.head.http10) continue;
      this.account.bytesOut(head.counted);
      this.client.send(`${head.text}\r\n`, []);
    }
  }

  #respond(head: ResponseHead, input: Buffer, at: number): void {
    if (head.status === 101 && !this.head.upgrade) {
      this.badResponse(502, 'PH');
      return;
    }
    const flow = new BodyFlow(head.body);
    const next = at < input.length || flow.done ? flow.collect(input, at) : at;
    if (next < 0) {
      this.badResponse(502, 'PH');
      return;
    }
    this.upstream!.server.observer?.sign(statusSign(head.status));
    const ruled = this.ruled(head, flow.counted);
    if (!ruled) return;
    this.account.responded(ruled.status, ruled.counted);
    this.#responseHead = ruled;
    this.#response = flow;
    this.#relay(ruled, input, at, next);
  }

  #relay(head: ResponseHead, input: Buffer, at: number, next: number): void {
    if (head.body === BODY_TUNNEL) {
      this.#openTunnel(head, input, at);
      return;
    }
    if (head.body === BODY_UNTIL_CLOSE || this.client.draining) this.keepClient = false;
    const text = `${this.responseText(head)}${responseConnection(head, this.head, this.keepClient)}\r\n`;
    this.phase = 'relay';
    this.#forward(text, input, next);
  }

  #openTunnel(head: ResponseHead, input: Buffer, at: number): void {
    const upstream = this.upstream!;
    this.client.send(`${this.responseText(head)}\r\n`, []);
    this.upstream = undefined;
    this.phase = 'done';
    const fixed = this.rules?.scope.tunnelTimeout;
    const limits = tunnelLimits(this.client.context.config, this.backend!.config, fixed);
    const tunnel = new Tunnel(this.client, upstream, this.account, limits, () =>
      this.connector?.release(),
    );
    this.client.handOver(tunnel);
    tunnel.start(this.ended, at < input.length ? input.subarray(at) : undefined);
  }

  /** Passes on what the last `collect` of the response yielded; `next` is what it returned. */
  #forward(text: string, input: Buffer, next: number): void {
    const flow = this.#response!;
    this.account.bytesOut(flow.counted);
    const parts = this.filter?.pass(flow) ?? flow.output;
    const ready = this.client.send(text, parts);
    if (!ready) {
      this.upstream?.pause();
      this.upstream?.deadline.clear();
      this.limitClient();
    }
    if (next < 0) {
      this.cut('PD');
      return;
    }
    if (!flow.done) return;
    if (next < input.length) this.#discardBody = true;
    this.upstream?.deadline.clear();
    if (this.request.done) this.#complete();
    else this.limitClient();
  }

  /** Both messages are through. */
  #complete(): void {
    const upstream = this.upstream;
    this.upstream = undefined;
    if (upstream) {
      const keep = this.#keepServer && !this.#discardBody && !this.rules?.scope.closeServer;
      handBack(upstream, this.client, keep && this.#responseHead!.keepAlive);
    }
    this.finish('--', this.keepClient);
  }

  upstreamEnded(): void {
    if (this.phase === 'wait') {
      this.#lostBeforeResponse();
      return;
    }
    if (this.phase !== 'relay') return;
    const response = this.#response!;
    if (!response.done) {
      if (this.#responseHead!.body !== BODY_UNTIL_CLOSE) {
        this.cut('SD');
        return;
      }
      response.done = true;
      if (this.request.done) {
        this.#complete();
        return;
      }
    }
    this.upstream?.deadline.clear();
    this.#discardRest();
  }

  /** Only the request is under way, and the server is gone: nobody wants the rest. */
  #discardRest(): void {
    this.#discardBody = true;
    this.limitClient();
    this.client.resume();
  }

  upstreamClosed(): void {
    if (this.phase === 'wait') this.#lostBeforeResponse();
    else if (this.phase === 'relay' && this.#response!.done) this.#discardRest();
    else if (this.phase === 'relay') this.cut('SD');
  }

  upstreamDrained(): void {
    this.client.resume();
  }

  upstreamExpired(): void {
    if (this.phase === 'wait') {
      if (!this.#retry('response-timeout')) this.badResponse(504, 'sH');
    } else this.cut('sD');
  }

  clientDrained(): void {
    const upstream = this.upstream;
    if (!upstream) return;
    upstream.resume();
    if (this.request.done) this.client.limit(undefined);
    if (!this.#response?.done) upstream.deadline.set(this.serverTimeout);
  }

  /** RFC 9112, 9.3.1: what went out on a connection that its server was closing may go again. */
  #lostBeforeResponse(): void {
    const upstream = this.upstream!;
    if (this.#retry('empty-response')) return;
    if (upstream.served === 0 || !this.#reader.untouched) {
      this.badResponse(502, 'SH');
      return;
    }
    this.dropUpstream();
    if (isRepeatable(this.head)) {
      this.phase = 'connect';
      this.connector!.again();
      return;
    }
    // As HAProxy: a close without a response tells the client that it may try again.
    this.phase = 'done';
    this.connector?.release();
    this.account.discard();
    this.client.exchangeDone(false);
  }

  /** Sends the request once more, where `retry-on` asks for that; needs all of it at hand. */
  #retry(event: RetryOn): boolean {
    if (!this.whole || !this.backend!.config.retryOn.includes(event)) return false;
    const failed = this.upstream;
    this.phase = 'connect';
    if (!this.connector!.retry()) {
      this.phase = 'wait';
      return false;
    }
    this.#reader = new ResponseReader(this.head.method);
    if (failed) {
      this.client.pools.closed(failed.server);
      failed.destroy();
      if (this.upstream === failed) this.upstream = undefined;
    }
    return true;
  }
}

/** What is to outlive the read that it came in. */
const copied = (part: Buffer): Buffer => Buffer.from(part);
