import type { ProxyRules } from '../rules/model.ts';
import type { TcpScope } from './tcp-scope.ts';
import { Ticket, type TimerWheel, type Watched, wheelNow } from './timer-wheel.ts';

/** Most that is held while rules look at it, bytes: HAProxy's `tune.bufsize` less `tune.maxrewrite`. */
const MAX_HELD = 15_360;

export type ResponseEnd = 'reject' | 'drop' | 'close';

export interface ResponseOwner {
  /** What the server has sent may go on to the client. */
  answerPassed(bytes: Buffer): void;
  /** `close` lets the client have what came so far. */
  answerRefused(how: ResponseEnd, bytes: Buffer): void;
}

/**
 * Runs `tcp-response content` rules of a backend on what a server sends first (mode tcp; HAProxy 2.6
 * manual, `tcp-response inspect-delay`). They begin when the connection is there, before the server
 * has said anything; a rule that needs bytes waits for them, as long as the delay lasts.
 */
export class ResponseInspection implements Watched {
  readonly #rules: ProxyRules;
  readonly #scope: TcpScope;
  readonly #wheel: TimerWheel;
  readonly #owner: ResponseOwner;
  readonly #ticket = new Ticket(this);
  #held: Buffer = Buffer.alloc(0);
  #next = 0;
  #settled = false;

  constructor(rules: ProxyRules, scope: TcpScope, wheel: TimerWheel, owner: ResponseOwner) {
    this.#rules = rules;
    this.#scope = scope;
    this.#wheel = wheel;
    this.#owner = owner;
  }

  start(): void {
    const { responseDelay } = this.#rules;
    this.#scope.final = responseDelay === undefined || responseDelay === 0;
    if (!this.#scope.final) this.#wheel.set(this.#ticket, wheelNow() + responseDelay!);
    this.#run();
  }

  hold(bytes: Buffer): void {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    if (this.#held.length >= MAX_HELD) this.#scope.final = true;
    this.#run();
  }

  /** The server sends no more. */
  finish(): void {
    this.#scope.final = true;
    this.#run();
  }

  due(): number {
    this.finish();
    return 0;
  }

  close(): void {
    this.#settled = true;
    this.#wheel.clear(this.#ticket);
  }

  #run(): void {
    if (this.#settled) return;
    const scope = this.#scope;
    scope.answer = this.#held;
    for (; this.#next < this.#rules.tcpResponse.length; this.#next++) {
      const { when, action, position } = this.#rules.tcpResponse[this.#next]!;
      scope.missing = false;
      if (when && !when(scope)) {
        if (scope.missing && !scope.final) return;
        continue;
      }
      if (action.kind === 'run') {
        action.run(scope);
        continue;
      }
      scope.lastRule = position;
      if (action.kind === 'accept') break;
      if (action.kind !== 'expect-proxy' && action.kind !== 'await') {
        this.close();
        this.#owner.answerRefused(action.kind, this.#held);
        return;
      }
    }
    this.close();
    scope.answer = undefined;
    this.#owner.answerPassed(this.#held);
  }
}
