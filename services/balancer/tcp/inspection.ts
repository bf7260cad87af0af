import type { AcceptedHandle } from '../listeners/handler.ts';
import type { ProxyRules, Rule, TcpAction } from '../rules/model.ts';
import type { Backend } from '../servers/backend.ts';
import type { FrontendContext } from '../servers/types.ts';
import { countBytes } from '../stickiness/table/trackers.ts';
import { End, type EndOwner } from './end.ts';
import { TcpScope } from './tcp-scope.ts';
import { Ticket, type TimerWheel, type Watched, wheelNow } from './timer-wheel.ts';

/** Most that is held while rules look at it, bytes: HAProxy's `tune.bufsize` less `tune.maxrewrite`. */
const MAX_HELD = 15_360;

/** A connection that rules have let through, with what they read of it in `head`. */
export interface Inspected extends AcceptedHandle {
  readonly backend: Backend | undefined;
  readonly scope: TcpScope;
}

/** Whether connections to this frontend are to be inspected. */
export function needsInspection(
  { config }: FrontendContext,
  backend: Backend | undefined,
): boolean {
  return (
    (config.rules !== undefined &&
      (config.rules.tcpContent.length > 0 || config.rules.useBackend.length > 0)) ||
    config.logFormat !== undefined ||
    (backend?.config.rules?.tcpContent.length ?? 0) > 0 ||
    (backend?.config.rules?.tcpResponse.length ?? 0) > 0
  );
}

/**
 * Runs `tcp-request content` rules of frontend and backend, and `use_backend` between them, on what
 * a client sends first (mode tcp; manual, `tcp-request inspect-delay`). A rule that needs bytes
 * which are not there yet waits for them, as long as the delay lasts.
 */
export class Inspection implements EndOwner, Watched {
  readonly #accepted: AcceptedHandle;
  readonly #context: FrontendContext;
  readonly #wheel: TimerWheel;
  readonly #done: (inspected: Inspected | undefined) => void;
  readonly #scope: TcpScope;
  readonly #client: End;
  readonly #ticket = new Ticket(this);
  #held: Buffer;
  #rules: ProxyRules | undefined;
  #next = 0;
  #inBackend = false;
  #ended = false;
  #settled = false;
  /** Calls off what a rule waits for. */
  #cancel: (() => void) | undefined;

  constructor(
    accepted: AcceptedHandle,
    context: FrontendContext,
    wheel: TimerWheel,
    done: (inspected: Inspected | undefined) => void,
  ) {
    this.#accepted = accepted;
    this.#context = context;
    this.#wheel = wheel;
    this.#done = done;
    this.#scope = new TcpScope(context, accepted);
    this.#client = new End(accepted.handle, this);
    this.#held = accepted.head ?? Buffer.alloc(0);
    this.#rules = context.config.rules;
  }

  start(): void {
    this.#begin();
    this.#run();
    if (!this.#settled) this.#client.resume();
  }

  /** Ends the connection now. */
  destroy(): void {
    this.#settle(undefined, true);
  }

  due(): number {
    this.#scope.final = true;
    this.#run();
    return 0;
  }

  held(_end: End, bytes: Buffer): void {
    this.#held = Buffer.concat([this.#held, bytes]);
    this.#context.counters.bin += bytes.length;
    if (this.#held.length >= MAX_HELD) {
      this.#scope.final = true;
      if (this.#cancel) this.#client.pause();
    }
    this.#run();
  }

  forwarded(): void {}

  readEnded(): void {
    this.#ended = true;
    this.#scope.final = true;
    this.#run();
  }

  writeEnded(): boolean {
    return false;
  }

  failed(): void {
    this.#scope.logLevel ??= 'info';
    this.#context.log(this.#scope.record('CR'));
    this.#settle(undefined, true);
  }

  /** A list of rules begins, and with it its delay. */
  #begin(): void {
    this.#next = 0;
    const delay = this.#rules?.inspectDelay;
    this.#scope.final = delay === undefined || this.#ended || this.#held.length >= MAX_HELD;
    if (!this.#scope.final) this.#wheel.set(this.#ticket, wheelNow() + delay!);
  }

  #run(): void {
    if (this.#settled || this.#cancel) return;
    this.#scope.payload = this.#held;
    for (;;) {
      const verdict = this.#runRules(this.#rules?.tcpContent ?? []);
      if (verdict === 'wait') return;
      if (verdict === 'reject' || verdict === 'drop') {
        this.#rejected(verdict === 'drop');
        return;
      }
      if (this.#inBackend) break;
      this.#inBackend = true;
      this.#scope.backend = this.#chosen();
      if (this.#scope.backend === undefined || this.#scope.backend.config === this.#context.config)
        break;
      this.#rules = this.#scope.backend.config.rules;
      this.#wheel.clear(this.#ticket);
      this.#begin();
    }
    this.#settle(this.#scope.backend, false);
  }

  #runRules(rules: readonly Rule<TcpAction>[]): 'pass' | 'wait' | 'reject' | 'drop' {
    for (; this.#next < rules.length; this.#next++) {
      const { when, action, position } = rules[this.#next]!;
      this.#scope.missing = false;
      if (when && !when(this.#scope)) {
        if (this.#scope.missing && !this.#scope.final) return 'wait';
        continue;
      }
      if (action.kind === 'run') {
        action.run(this.#scope);
        continue;
      }
      if (action.kind === 'await') {
        this.#cancel = action.begin(this.#scope, () => {
          this.#cancel = undefined;
          this.#run();
          if (!this.#settled) this.#client.resume();
        });
        if (!this.#cancel) continue;
        this.#next += 1;
        return 'wait';
      }
      this.#scope.lastRule = position;
      if (action.kind === 'accept') return 'pass';
      else if (action.kind === 'reject' || action.kind === 'drop') return action.kind;
    }
    return 'pass';
  }

  #chosen(): Backend | undefined {
    for (const { when, action } of this.#context.config.rules?.useBackend ?? []) {
      if (when && !when(this.#scope)) continue;
      const name =
        typeof action === 'string'
          ? action
          : action.format(this.#scope, () => this.#scope.record());
      const backend = this.#context.directory?.backend(name);
      if (backend) return backend;
    }
    return this.#context.backendFor();
  }

  #rejected(drop: boolean): void {
    this.#context.counters.dreq += 1;
    if (this.#context.logging) this.#context.log(this.#scope.record('PR'));
    this.#settle(undefined, drop);
  }

  #settle(backend: Backend | undefined, reset: boolean): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#cancel?.();
    this.#wheel.clear(this.#ticket);
    this.#client.pause();
    if (backend || (!reset && this.#inBackend)) {
      const head = this.#held.length > 0 ? this.#held : undefined;
      const { client } = this.#scope;
      this.#done({ ...this.#accepted, client, head, backend, scope: this.#scope });
      return;
    }
    countBytes(this.#scope, this.#held.length, 0);
    this.#scope.trackers?.close();
    if (reset) this.#client.reset();
    else this.#client.close();
    this.#done(undefined);
  }
}
