import type { Cache } from '../cache/cache.ts';
import type { LocalResponse } from '../http/errors.ts';
import type { LogFormatter } from '../log/log-format.ts';
import type { SessionRecord } from '../log/log-variables.ts';
import type { Position, ProxyConfig } from '../model.ts';
import type { Expression } from '../samples/compile.ts';
import type { Sample } from '../samples/sample.ts';
import type { Scope } from '../samples/scope.ts';
import type { StickRule } from '../stickiness/table/sticking.ts';
import type { Trackers } from '../stickiness/table/trackers.ts';
import type { Condition } from './condition.ts';
import type { ServiceName } from './service-actions.ts';

/** What rules may change besides the messages themselves. */
export interface RuleScope extends Scope {
  lastRule?: Position | undefined;
  /** What a log line of this moment would be made from. */
  record(): SessionRecord;
  capture(side: 'request' | 'response', slot: number, value: string): void;
  setAddress(which: 'source' | 'target', what: 'host' | 'port', value: Sample): void;
  /** What counts in stick-tables: of the connection, or of the request alone. */
  track(session: boolean): Trackers;
  /** A syslog level's name, or `silent`. */
  setLogLevel(level: string): void;
  /** Milliseconds. */
  setTimeout(which: 'server' | 'tunnel', value: number): void;
  useCache(cache: Cache): void;
  storeInCache(cache: Cache): void;
}

/** A response of our own; undefined = none after all (`redirect … ignore-empty`). */
export type Reply = (scope: RuleScope, proxy: ProxyConfig) => LocalResponse | undefined;

/**
 * Something to wait for: `begin` starts it and returns what calls it off, or undefined where it is
 * done already. `done` is called once, never before `begin` returns.
 */
export interface AwaitAction {
  readonly kind: 'await';
  begin(scope: RuleScope, done: () => void): (() => void) | undefined;
}

export type HttpAction =
  | { readonly kind: 'run'; run(scope: RuleScope): void }
  | { readonly kind: 'allow' | 'reject' | 'drop' }
  | { readonly kind: 'deny' | 'tarpit' | 'return'; readonly reply: Reply }
  | { readonly kind: 'service'; readonly service: ServiceName }
  | AwaitAction
  /** Milliseconds, and bytes (0 = all). */
  | { readonly kind: 'wait-for-body'; readonly limit: number; readonly atLeast: number };

export type TcpAction =
  | AwaitAction
  | { readonly kind: 'run'; run(scope: RuleScope): void }
  | { readonly kind: 'accept' | 'reject' | 'drop' | 'close' | 'expect-proxy' };

export interface Rule<Action> {
  /** As it stands in the file. */
  readonly text: string;
  readonly position: Position;
  /** undefined = always. */
  readonly when: Condition | undefined;
  readonly action: Action;
}

export interface FieldCapture {
  readonly name: string;
  readonly length: number;
}

/** What `option forwarded` and `originalto` add to requests. */
export interface OriginalTo {
  readonly header: string;
  readonly except: string | undefined;
}

/** Stickiness to a server that is down nevertheless, or no stickiness at all. */
export type Persistence = 'force' | 'ignore';

/** Everything of a proxy that looks at traffic. Missing altogether where there is no rule. */
export interface ProxyRules {
  readonly request: readonly Rule<HttpAction>[];
  readonly response: readonly Rule<HttpAction>[];
  readonly afterResponse: readonly Rule<HttpAction>[];
  /** `redirect` lines, which come behind the request rules. */
  readonly redirects: readonly Rule<HttpAction>[];
  readonly tcpConnection: readonly Rule<TcpAction>[];
  readonly tcpSession: readonly Rule<TcpAction>[];
  readonly tcpContent: readonly Rule<TcpAction>[];
  /** How long content rules may wait for bytes, milliseconds. */
  readonly inspectDelay: number | undefined;
  readonly tcpResponse: readonly Rule<TcpAction>[];
  /** How long rules on what a server sends may wait for bytes, milliseconds. */
  readonly responseDelay: number | undefined;
  readonly useBackend: readonly Rule<string | LogFormatter>[];
  readonly useServer: readonly Rule<string | LogFormatter>[];
  /** `force-persist` and `ignore-persist`. */
  readonly persistence: readonly Rule<Persistence>[];
  /** `stick` lines. */
  readonly sticks: readonly StickRule[];
  readonly monitorUri: string | undefined;
  readonly monitorFail: readonly Condition[];
  readonly requestCaptures: readonly FieldCapture[];
  readonly responseCaptures: readonly FieldCapture[];
  readonly cookieCapture: (FieldCapture & { readonly prefix: boolean }) | undefined;
  readonly uniqueIdFormat: LogFormatter | undefined;
  readonly uniqueIdHeader: string | undefined;
  readonly bufferRequest: boolean;
  readonly originalTo: OriginalTo | undefined;
  readonly forwarded: boolean;
}

/** What an action may need of a value: a format or an expression, made into text. */
export type TextOf = (scope: RuleScope) => string;
export type { Expression };
