import type { ProxyConfig } from '../model.ts';
import type { ServiceName } from '../rules/service-actions.ts';
import type { Backend } from '../servers/backend.ts';
import type { Account } from './account.ts';
import type { LocalResponder } from './client-connection.ts';
import type { ExchangeClient } from './client-side.ts';
import type { LocalResponse } from './errors.ts';
import type { RequestHead } from './head.ts';
import { HttpScope } from './http-scope.ts';
import { Message } from './message.ts';
import { bodyText } from './request-body.ts';
import { RequestRules, type RuledOut, type RulesOwner } from './request-rules.ts';

/** So much of a body is held for rules, bytes: HAProxy's `tune.bufsize` less `tune.maxrewrite`. */
const MAX_HELD = 15_360;

/** What an exchange does when its rules have spoken. */
export interface RuledExchange {
  /** Counts the request in a backend's books. */
  enter(backend: Backend): void;
  /** On to a server, with the head as rules left it. */
  proceed(head: RequestHead, backend: Backend | undefined): void;
  ruledOut(how: RuledOut): void;
  vanish(drop: boolean): void;
  /** Body bytes that came so far, framed, and whether they are all. */
  readonly held: { readonly parts: readonly Buffer[]; readonly done: boolean };
}

/** Whether requests to this proxy need a scope at all. */
export const needsRules = (config: ProxyConfig | undefined): boolean =>
  config !== undefined &&
  (config.rules !== undefined ||
    (config.errorReplies?.size ?? 0) > 0 ||
    config.logFormat !== undefined ||
    config.stats?.admin !== undefined ||
    config.balance.name === 'hash' ||
    asksByName(config));

/** A loop, since every request comes by. */
function asksByName({ servers }: ProxyConfig): boolean {
  for (const { tls } of servers) if (tls?.sni !== undefined) return true;
  return false;
}

/** The rules of one exchange, from its head to a server or an answer. */
export class ExchangeRules implements RulesOwner {
  readonly scope: HttpScope;
  readonly #exchange: RuledExchange;
  readonly #client: ExchangeClient;
  readonly #account: Account;
  readonly #head: RequestHead;
  readonly #request: Message;
  readonly #rules: RequestRules;
  readonly #respond: LocalResponder;
  /** Bytes of the body that are waited for; undefined = nobody waits. */
  #wanted: number | undefined;
  /** How long the client may keep quiet meanwhile, where nothing limits the whole, milliseconds. */
  #silence: number | undefined;
  #lost = false;
  #delay: NodeJS.Timeout | undefined;
  /** Calls off what a rule waits for. */
  #cancel: (() => void) | undefined;

  constructor(
    exchange: RuledExchange,
    client: ExchangeClient,
    account: Account,
    head: RequestHead,
    respond: LocalResponder,
  ) {
    this.#exchange = exchange;
    this.#client = client;
    this.#account = account;
    this.#head = head;
    this.#respond = respond;
    this.#request = new Message(head);
    this.scope = new HttpScope(account, client.session, {
      request: this.#request,
      again: client.again,
      tls: client.tls,
      bodySize: head.body >= 0 ? head.body : undefined,
    });
    account.scope = this.scope;
    this.#rules = new RequestRules(this.scope, this);
  }

  run(): void {
    this.#rules.run();
  }

  /** Whether body bytes are wanted now. */
  get wantsBody(): boolean {
    return this.#wanted !== undefined;
  }

  get tarpitted(): boolean {
    return this.#delay !== undefined;
  }

  /** More of the body has come, or nobody waits any longer. */
  bodyArrived(): void {
    if (this.#wanted === undefined) return;
    if (!this.#enough(this.#wanted)) {
      if (this.#silence !== undefined) this.#client.limit(this.#silence);
      return;
    }
    this.#wanted = undefined;
    this.#client.limit(undefined);
    this.#rules.resume();
  }

  /** The client has ended before its body did: rules go on with what there is. */
  bodyLost(): void {
    this.#lost = true;
    this.bodyArrived();
  }

  close(): void {
    clearTimeout(this.#delay);
    this.#cancel?.();
    this.#wanted = undefined;
  }

  entered(backend: Backend): void {
    this.#exchange.enter(backend);
  }

  passed(backend: Backend | undefined): void {
    this.#exchange.proceed(this.#ruledHead(), backend);
  }

  ruledOut(how: RuledOut): void {
    if (how.delay === 0) {
      this.#exchange.ruledOut(how);
      return;
    }
    const since = performance.now();
    this.#delay = setTimeout(() => {
      this.#delay = undefined;
      this.#account.requestTime = -1;
      this.#account.queueTime = Math.round(performance.now() - since);
      this.#exchange.ruledOut(how);
    }, how.delay);
  }

  vanish(drop: boolean): void {
    this.#exchange.vanish(drop);
  }

  awaitAction(cancel: () => void): void {
    this.#cancel = cancel;
  }

  statistics(config: ProxyConfig, service?: ServiceName): LocalResponse | undefined {
    return this.#respond(this.#ruledHead(), config, this.scope, service);
  }

  awaitBody(limit: number | undefined, bytes: number): boolean {
    if (this.#enough(bytes)) return false;
    if (/^100-continue$/i.test(this.#request.values('expect')[0] ?? '') && !this.#head.http10) {
      this.#client.send('HTTP/1.1 100 Continue\r\n\r\n', []);
      this.#request.remove('expect');
    }
    this.#wanted = bytes;
    this.#silence = limit === undefined ? this.#client.context.config.timeouts.client : undefined;
    this.#client.limit(limit ?? this.#silence);
    this.#client.resume();
    return this.#wanted !== undefined;
  }

  #enough(bytes: number): boolean {
    const { parts, done } = this.#exchange.held;
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    this.scope.body = bodyText(this.#head.body, parts);
    return (
      done || this.#lost || length >= MAX_HELD || (bytes > 0 && this.scope.body.length >= bytes)
    );
  }

  /** The head with what rules changed in it. */
  #ruledHead(): RequestHead {
    const request = this.#request;
    if (!request.changed) return this.#head;
    const { text, lineLength, method, target } = request;
    return { ...this.#head, text, lineLength, method, target };
  }
}
