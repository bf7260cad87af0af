import type { Position, ProxyConfig } from '../model.ts';
import type { HttpAction, ProxyRules, Rule, TcpAction } from '../rules/model.ts';
import type { ServiceName } from '../rules/service-actions.ts';
import { pathAndQuery } from '../samples/fetches/http-names.ts';
import type { Backend } from '../servers/backend.ts';
import type { FrontendContext } from '../servers/types.ts';
import { Sticking } from '../stickiness/table/sticking.ts';
import { countEvent } from '../stickiness/table/trackers.ts';
import { errorResponse, type LocalResponse } from './errors.ts';
import { excepted } from './forwarded-for.ts';
import type { HttpScope } from './http-scope.ts';

/** How a request ends that no server is to get. */
export interface RuledOut {
  readonly response: LocalResponse;
  /** Two letters for the log. */
  readonly termination: string;
  /** By a rule that refuses: counted as denied. */
  readonly denied: boolean;
  /** Milliseconds before it is sent. */
  readonly delay: number;
  /** Not worth a line (`monitor-uri`). */
  readonly silent: boolean;
  /** What the log calls who answers; undefined = a rule. */
  readonly stats: string | undefined;
}

/** Who the request belongs to. */
export interface RulesOwner {
  /** A backend was chosen; its rules come next. */
  entered(backend: Backend): void;
  /** Nothing is against it: on to a server, or nowhere without a backend. */
  passed(backend: Backend | undefined): void;
  ruledOut(how: RuledOut): void;
  /** The connection ends without a word; `drop`: without even telling the client. */
  vanish(drop: boolean): void;
  /** Waits until `bytes` of the body are here (0 = all), at most `limit` ms, then `resume`. */
  awaitBody(limit: number | undefined, bytes: number): boolean;
  /** Waits for what an action has begun, then `resume`; `cancel` calls it off. */
  awaitAction(cancel: () => void): void;
  /** An answer of the statistics of this proxy. */
  statistics(config: ProxyConfig, service?: ServiceName): LocalResponse | undefined;
}

type Step = Rule<HttpAction> | Rule<TcpAction> | 'count' | 'order' | 'statistics' | 'buffer';
type Outcome = 'next' | 'end-of-list' | 'over' | 'wait';

/** Milliseconds, where neither `timeout tarpit` nor `timeout connect` is set. */
const DEFAULT_TARPIT = 5000;

/**
 * Takes a request through the rules of its frontend, to a backend and through the rules there, in
 * HAProxy's order. It may have to wait for the body in between.
 */
export class RequestRules {
  readonly #scope: HttpScope;
  readonly #frontend: FrontendContext;
  readonly #owner: RulesOwner;
  #config: ProxyConfig;
  #lists: readonly (readonly Step[])[];
  #list = 0;
  #step = 0;
  #backend: Backend | undefined;
  #inBackend = false;

  constructor(scope: HttpScope, owner: RulesOwner) {
    this.#scope = scope;
    this.#frontend = scope.frontend;
    this.#owner = owner;
    this.#config = scope.frontend.config;
    this.#lists = listsOf(this.#config.rules, COUNT);
  }

  run(): void {
    this.#scope.captureRequest();
    if (this.#monitored()) return;
    this.resume();
  }

  /** Goes on where it stopped. */
  resume(): void {
    for (;;) {
      const outcome = this.#runLists();
      if (outcome === 'over' || outcome === 'wait') return;
      if (this.#inBackend) {
        this.#finish();
        return;
      }
      if (!this.#enterBackend()) return;
    }
  }

  /** `monitor-uri`: we answer for ourselves, and nobody logs it. */
  #monitored(): boolean {
    const { rules } = this.#config;
    const target = this.#scope.request?.target;
    if (rules?.monitorUri === undefined || target === undefined) return false;
    // A path is meant however the request writes its address (absolute form: RFC 9112, 3.2.2).
    if (rules.monitorUri !== target && rules.monitorUri !== pathAndQuery(target)) return false;
    const failed = rules.monitorFail.some((condition) => condition(this.#scope));
    this.#owner.ruledOut({
      response: errorResponse(failed ? 503 : 200, this.#config, this.#scope),
      termination: failed ? 'SR' : 'LR',
      denied: false,
      delay: 0,
      silent: true,
      stats: undefined,
    });
    return true;
  }

  #runLists(): Outcome {
    for (; this.#list < this.#lists.length; this.#list++, this.#step = 0) {
      const list = this.#lists[this.#list]!;
      while (this.#step < list.length) {
        const step = list[this.#step]!;
        this.#step += 1;
        const outcome = this.#take(step);
        if (outcome === 'end-of-list') break;
        if (outcome !== 'next') return outcome;
      }
    }
    return 'next';
  }

  #take(step: Step): Outcome {
    if (step === 'statistics') return this.#statistics();
    if (step === 'order') return this.#awaitOrder();
    if (step === 'count') {
      countEvent(this.#scope, 'http_req');
      return 'next';
    }
    if (step === 'buffer') {
      const { httpRequest } = this.#frontend.config.timeouts;
      return this.#owner.awaitBody(httpRequest, 0) ? 'wait' : 'next';
    }
    if (step.when && !step.when(this.#scope)) return 'next';
    const { action } = step;
    switch (action.kind) {
      case 'run':
        action.run(this.#scope);
        return 'next';
      case 'allow':
      case 'accept':
        this.#scope.lastRule = step.position;
        return 'end-of-list';
      case 'reject':
      case 'drop':
        this.#scope.lastRule = step.position;
        this.#owner.vanish(action.kind === 'drop');
        return 'over';
      case 'wait-for-body':
        return this.#owner.awaitBody(action.limit, action.atLeast) ? 'wait' : 'next';
      case 'await': {
        const cancel = action.begin(this.#scope, () => this.resume());
        if (!cancel) return 'next';
        this.#owner.awaitAction(cancel);
        return 'wait';
      }
      case 'service':
        return this.#statistics(action.service);
      case 'deny':
      case 'tarpit':
      case 'return':
        return this.#reply(action, step.position);
      default:
        return 'next';
    }
  }

  #reply(
    { kind, reply }: Extract<HttpAction, { kind: 'deny' | 'tarpit' | 'return' }>,
    position: Position,
  ): Outcome {
    const response = reply(this.#scope, this.#config);
    if (!response) return 'next';
    this.#scope.lastRule = position;
    const termination = { deny: 'PR', tarpit: 'PT', return: 'LR' }[kind];
    const { tarpit, connect } = this.#config.timeouts;
    const delay = kind === 'tarpit' ? (tarpit ?? connect ?? DEFAULT_TARPIT) : 0;
    const denied = kind !== 'return';
    this.#owner.ruledOut({ response, termination, denied, delay, silent: false, stats: undefined });
    return 'over';
  }

  /** An order given on the page is in the body. */
  #awaitOrder(): Outcome {
    const { stats, timeouts } = this.#config;
    const { request } = this.#scope;
    const asked = stats?.admin && request?.method === 'POST' && request.target.includes(stats.uri);
    return asked && this.#owner.awaitBody(timeouts.httpRequest, 0) ? 'wait' : 'next';
  }

  #statistics(service?: ServiceName): Outcome {
    const response = this.#owner.statistics(this.#config, service);
    if (!response) return 'next';
    this.#owner.ruledOut({
      response,
      termination: 'LR',
      denied: false,
      delay: 0,
      silent: false,
      stats: service === undefined ? '<STATS>' : '<PROMEX>',
    });
    return 'over';
  }

  /** Chooses a backend; false when the request went its way already. */
  #enterBackend(): boolean {
    const backend = this.#chosen();
    this.#backend = backend;
    if (!backend) {
      this.#owner.passed(undefined);
      return false;
    }
    this.#owner.entered(backend);
    this.#inBackend = true;
    // A listen's rules were those of its frontend.
    if (backend.config === this.#config) this.#lists = [];
    else this.#lists = listsOf(backend.config.rules);
    this.#config = backend.config;
    this.#list = 0;
    this.#step = 0;
    return true;
  }

  #chosen(): Backend | undefined {
    const { directory } = this.#frontend;
    for (const { when, action } of this.#config.rules?.useBackend ?? []) {
      if (when && !when(this.#scope)) continue;
      const name =
        typeof action === 'string'
          ? action
          : action.format(this.#scope, () => this.#scope.record());
      const backend = directory?.backend(name);
      // A name that was made up and is nobody's leaves the choice to the rules below.
      if (backend) return backend;
    }
    return this.#frontend.backendFor();
  }

  #finish(): void {
    const { request } = this.#scope;
    const front = this.#frontend.config.rules;
    const back = this.#config.rules;
    if (request && front?.uniqueIdHeader !== undefined) {
      const id = this.#scope.uniqueId;
      if (id !== undefined) request.add(front.uniqueIdHeader, id);
    }
    const original = back?.originalTo ?? front?.originalTo;
    if (request && original && !excepted(original, this.#scope.client.localHost)) {
      request.add(original.header, this.#scope.client.localHost);
    }
    if (request && (front?.forwarded || back?.forwarded)) {
      request.add(
        'forwarded',
        `proto=${this.#scope.tls ? 'https' : 'http'};for=${node(this.#scope.client.host)}`,
      );
    }
    const persistence = this.#config.rules?.persistence.find(({ when }) => when!(this.#scope));
    this.#scope.persistence = persistence?.action;
    this.#chooseServer();
    this.#stick();
    this.#owner.passed(this.#backend);
  }

  #stick(): void {
    const sticks = this.#config.rules?.sticks;
    if (!sticks || sticks.length === 0 || !this.#backend) return;
    const { persistence, wantedServer } = this.#scope;
    this.#scope.sticking = new Sticking(sticks, this.#scope, this.#backend, {
      persist: this.#config.persist || persistence === 'force',
      assigned: wantedServer !== undefined,
    });
  }

  /** `use-server`: the first whose condition holds and whose server is up. */
  #chooseServer(): void {
    const backend = this.#backend;
    for (const { when, action } of this.#config.rules?.useServer ?? []) {
      if (when && !when(this.#scope)) continue;
      const name =
        typeof action === 'string'
          ? action
          : action.format(this.#scope, () => this.#scope.record());
      const server = backend?.servers.find(({ config }) => config.name === name);
      if (!server) continue;
      if (server.running) this.#scope.wantedServer = server;
      return;
    }
  }
}

/** RFC 7239, 6: an IPv6 address in brackets and quotes. */
const node = (host: string): string => (host.includes(':') ? `"[${host}]"` : host);

/**
 * What is done in one proxy, in order. The body is there for its rules (HAProxy), those of TCP in a
 * frontend excepted; statistics stand before redirects.
 */
function listsOf(
  rules: ProxyRules | undefined,
  first?: readonly Step[],
): readonly (readonly Step[])[] {
  if (!rules) return STATISTICS_ONLY;
  const buffer: readonly Step[] = rules.bufferRequest ? ['buffer'] : [];
  const { tcpContent, request, redirects } = rules;
  const early = first ? [first, tcpContent, buffer] : [buffer, tcpContent];
  return [...early, request, ['order', 'statistics'], redirects];
}

/** Requests are counted once; who tracks later counts them itself. */
const COUNT: readonly Step[] = ['count'];
const STATISTICS_ONLY: readonly (readonly Step[])[] = [['order', 'statistics']];
