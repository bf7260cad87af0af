import type { CacheHit } from '../cache/cache-session.ts';
import { cachedBody, cachedHead } from '../cache/cached-head.ts';
import type { Algorithm } from '../compression/config.ts';
import { algorithmFor, compressedHead, offloaded } from '../compression/negotiate.ts';
import type { ProxyConfig } from '../model.ts';
import { pathAndQuery } from '../samples/fetches/http-names.ts';
import type { Backend } from '../servers/backend.ts';
import { faultSign } from '../servers/observer.ts';
import type { SeverReason } from '../servers/sever.ts';
import { countEvent } from '../stickiness/table/trackers.ts';
import type { Account } from './account.ts';
import { BodyFlow } from './body-flow.ts';
import type { ExchangeClient } from './client-side.ts';
import { responseConnection } from './connection-field.ts';
import type { Connector, Unobtainable } from './connector.ts';
import { type ErrorStatus, errorResponse, type LocalResponse, redirection } from './errors.ts';
import type { ExchangeRules } from './exchange-rules.ts';
import type { RequestHead, ResponseHead } from './head.ts';
import { sendLocal } from './local-answer.ts';
import type { RuledOut } from './request-rules.ts';
import { ResponseFilter } from './response-filter.ts';
import { type Refusal, ruleConnected, ruleLocalResponse, ruleResponse } from './response-rules.ts';
import type { Upstream } from './upstream.ts';

type Phase = 'rules' | 'connect' | 'wait' | 'relay' | 'done';

/** `connection` and `close`. */
const CLOSE_SIZE = 15;

/** What an exchange is made of, and every way in which it ends but the good one. */
export abstract class ExchangeEnds {
  protected readonly client: ExchangeClient;
  protected head: RequestHead;
  protected readonly account: Account;
  protected readonly request: BodyFlow;
  protected backend: Backend | undefined;
  protected connector: Connector | undefined;
  protected upstream: Upstream | undefined;
  protected phase: Phase = 'connect';
  /** What came of the body with the head. */
  protected firstBody: Buffer[] = [];
  protected rules: ExchangeRules | undefined;
  /** The whole request came with its head. */
  protected whole: boolean;
  protected keepClient: boolean;
  /** The client has closed its side. */
  protected ended = false;
  /** Keeps or compresses the body on its way to the client. */
  protected filter: ResponseFilter | undefined;
  #algorithm: Algorithm | undefined;

  constructor(client: ExchangeClient, head: RequestHead, account: Account) {
    this.client = client;
    this.head = head;
    this.account = account;
    this.request = new BodyFlow(head.body);
    this.whole = this.request.done;
    this.keepClient = head.keepAlive;
  }

  /** A rule may have set another (`set-timeout`). */
  protected get serverTimeout(): number | undefined {
    return this.rules?.scope.serverTimeout ?? this.backend!.config.timeouts.server;
  }

  protected get headBytes(): number {
    return this.head.counted + this.request.counted;
  }

  /** A client that has closed its side before it was answered is taken for gone. */
  protected get abortsOnClose(): boolean {
    const waits = this.phase === 'connect' || this.phase === 'wait';
    return waits && this.backend?.config.options.abortOnClose === true;
  }

  get held(): { parts: readonly Buffer[]; done: boolean } {
    return { parts: this.firstBody, done: this.request.done };
  }

  severed(reason: SeverReason): void {
    this.cut(`${reason}-`);
  }

  unobtainable(why: Unobtainable): void {
    this.fail(why.status, why.termination);
  }

  redirected(prefix: string): boolean {
    const { method, target } = this.head;
    if (method !== 'GET' && method !== 'HEAD') return false;
    const response = redirection({ status: 302, location: prefix + pathAndQuery(target) });
    this.account.answeredLocally(response.status);
    // As HAProxy: the connection ends with it, by a field that is counted.
    this.keepClient = false;
    this.answer({ ...response, counted: response.counted + CLOSE_SIZE }, 'LC');
    return true;
  }

  /** The response as its rules leave it; undefined when they ended the exchange. */
  protected ruled(head: ResponseHead, bodyBytes: number): ResponseHead | undefined {
    const scope = this.rules?.scope;
    if (!scope) return this.#filtered(head);
    const verdict = ruleResponse(scope, head);
    if (verdict.kind === 'pass') return this.#filtered(verdict.head);
    if (verdict.kind === 'drop') this.vanish(true);
    else if (verdict.kind === 'reject') {
      this.account.status = head.status;
      this.account.bytesOut(head.counted + bodyBytes);
      this.#refused(verdict);
    } else {
      if (verdict.denied) this.account.denied('response');
      this.account.bytesOut(head.counted + bodyBytes);
      this.account.answeredLocally(verdict.response.status);
      this.answer(verdict.response, verdict.denied ? 'PH' : 'LH');
    }
    return undefined;
  }

  /** Connected: true when a rule ends the exchange for that. */
  protected refusedAhead(upstream: Upstream): boolean {
    const scope = this.rules?.scope;
    if (!scope) return false;
    scope.connected(upstream.ends, upstream.tls);
    const refusal = ruleConnected(scope);
    if (refusal) this.#refused(refusal);
    return refusal !== undefined;
  }

  #refused({ drop }: Refusal): void {
    this.account.denied('response');
    if (drop) this.client.forget();
    this.cut('PD');
  }

  get #sides(): readonly (ProxyConfig | undefined)[] {
    return [this.backend?.config, this.client.context.config];
  }

  /** Settles on a coding for the response; the head as servers are to see it. */
  protected negotiated(head: RequestHead, backend: Backend | undefined): RequestHead {
    const { config } = this.client.context;
    if (!config.compression && !backend?.config.compression) return head;
    const sides = [backend?.config, config];
    this.#algorithm = algorithmFor(head, sides);
    return this.#algorithm ? offloaded(head, sides) : head;
  }

  /** The head for a body that is going to be kept or compressed. */
  #filtered(head: ResponseHead): ResponseHead {
    const copy = this.rules?.scope.caching?.copy;
    const algorithm = this.#algorithm;
    const compressed = algorithm && compressedHead(head, this.head, algorithm, this.#sides);
    if (!copy && !compressed) return head;
    const { account } = this;
    const count = (input: number, output: number): void => {
      if (algorithm === 'identity') account.uncompressed(output);
      else account.compressed(input, output);
    };
    const coding = compressed && algorithm;
    if (this.rules) this.rules.scope.compression = coding;
    this.filter = new ResponseFilter({ body: head.body, algorithm: coding, copy, count });
    return compressed ?? head;
  }

  /** Answers with a response that a cache has. */
  protected answeredFromCache(): boolean {
    const hit = this.rules?.scope.caching?.hit;
    if (!hit) return false;
    const ruled = this.ruled(cachedHead(hit, Date.now()), hit.entry.length);
    if (ruled) this.#sendCached(hit, ruled);
    return true;
  }

  #sendCached(hit: CacheHit, ruled: ResponseHead): void {
    this.account.cached(ruled.status);
    const body = this.head.method === 'HEAD' ? [] : cachedBody(hit);
    const parts = this.filter?.pass({ output: body, done: true }) ?? body;
    const sent = this.head.method === 'HEAD' || hit.unchanged ? 0 : hit.entry.length;
    this.account.bytesOut(ruled.counted + sent);
    const keep = this.keepClient && this.request.done;
    const connection = responseConnection(ruled, this.head, keep);
    this.client.send(`${ruled.text}${connection}\r\n`, parts);
    this.finish('LR', keep);
  }

  protected responseText(head: ResponseHead): string {
    const { sticky } = this.account;
    return sticky ? sticky.responseText(head, this.upstream!.server) : head.text;
  }

  protected badResponse(status: 502 | 504, termination: string): void {
    this.upstream?.server.observer?.sign(faultSign(termination));
    this.account.badResponse();
    this.fail(status, termination);
  }

  /** Answers with an error of our own and ends the exchange. */
  protected fail(status: ErrorStatus, termination: string): void {
    const config = this.backend?.config ?? this.client.context.config;
    this.account.answeredLocally(status);
    const response = errorResponse(status, config, this.rules?.scope);
    // HAProxy's own pages of these say `connection: close`.
    const closes = status === 400 || status === 408;
    const more = closes && !config.errorFiles.has(status) ? CLOSE_SIZE : 0;
    this.answer({ ...response, counted: response.counted + more }, termination);
  }

  /** Answers with a page of our own, which the log calls `<STATS>`. */
  protected respondLocally(response: LocalResponse): void {
    const { counted } = this.head;
    this.account.bytesIn(counted);
    this.account.servedBy(this.client.context.backendFor(), counted);
    this.account.answeredLocally(response.status);
    this.answer(response, 'LR');
  }

  ruledOut({ response, termination, denied, silent, stats }: RuledOut): void {
    if (stats !== undefined) this.account.statistics(stats);
    if (denied) {
      this.account.denied('request');
      if (this.account.scope) countEvent(this.account.scope, 'http_err');
    }
    if (silent) this.rules?.scope.setLogLevel('silent');
    this.account.answeredLocally(response.status);
    this.answer(response, termination);
  }

  vanish(drop: boolean): void {
    this.account.denied('request');
    this.account.requestTime = -1;
    if (drop) this.client.forget();
    this.cut('PR');
  }

  protected answer(original: LocalResponse, termination: string): void {
    const scope = this.rules?.scope;
    const response = scope ? ruleLocalResponse(scope, original) : original;
    this.dropUpstream();
    const keep = this.keepClient && this.request.done && response.text !== '';
    const unsent = this.head.method === 'HEAD' ? response.body.length : 0;
    this.account.bytesOut(response.counted - unsent);
    sendLocal(this.client, this.head, response, keep);
    this.finish(termination, keep);
  }

  /** Ends it where no word to the client is possible any more. */
  protected cut(termination: string): void {
    if (this.phase === 'connect') this.connector?.abort();
    this.dropUpstream();
    this.finish(termination, false);
  }

  protected dropUpstream(): void {
    const upstream = this.upstream;
    if (!upstream) return;
    this.upstream = undefined;
    this.client.pools.closed(upstream.server);
    upstream.destroy();
  }

  protected finish(termination: string, keep: boolean): void {
    if (this.phase === 'done') return;
    this.phase = 'done';
    this.rules?.close();
    const complete = termination === '--' || termination === 'LR';
    if (complete && this.filter?.compresses) this.account.compressedWhole();
    this.filter?.close(complete);
    this.rules?.scope.caching?.copy?.close(false);
    this.account.close(termination);
    this.connector?.release();
    this.client.exchangeDone(keep);
  }

  clientEnded(): void {
    this.ended = true;
    if (this.request.done && this.abortsOnClose) this.#abandoned();
    else if (this.rules?.wantsBody) this.rules.bodyLost();
    else if (!this.request.done) this.cut('CD');
  }

  /** `option abortonclose`: who may still listen is told, once the request is at its server. */
  #abandoned(): void {
    if (this.phase !== 'wait') {
      this.clientClosed();
      return;
    }
    this.keepClient = false;
    this.fail(400, 'CH');
  }

  clientClosed(): void {
    let letter = 'D';
    if (this.phase === 'connect') letter = this.connector?.phase ?? 'R';
    else if (this.phase === 'rules') letter = this.rules?.tarpitted ? 'T' : 'R';
    else if (this.phase === 'wait' && this.request.done) letter = 'H';
    this.cut(`C${letter}`);
  }

  clientExpired(): void {
    if (this.phase === 'wait' || this.phase === 'rules') {
      this.keepClient = false;
      const ruled = this.phase === 'rules';
      if (ruled) this.account.requestTime = -1;
      this.fail(408, ruled ? 'cR' : 'cD');
    } else {
      this.cut('cD');
    }
  }

  protected limitClient(): void {
    this.client.limit(this.client.context.config.timeouts.client);
  }
}
