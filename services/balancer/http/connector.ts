import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { Backend } from '../servers/backend.ts';
import { afterFailure, countRetry, type Hold } from '../servers/retry.ts';
import type { Server } from '../servers/server.ts';
import type { SeverReason } from '../servers/sever.ts';
import type { Assignment } from '../servers/types.ts';
import { destinationKey, destinationOf } from '../tcp/destination.ts';
import { prefaceFor } from '../tcp/preface.ts';
import { requestedName } from '../tls/outgoing.ts';
import type { Account } from './account.ts';
import type { ExchangeClient } from './client-side.ts';
import type { Pools } from './pool.ts';
import type { Reuse } from './reuse.ts';
import { Upstream, type UpstreamUser } from './upstream.ts';

/** Why no server connection could be had: the status to answer and the two letters for the log. */
export interface Unobtainable {
  readonly status: 503 | 500;
  readonly termination: string;
}

export interface ConnectorOwner {
  /** A connection is there, fresh or reused; its events go to the connector until `handOver`. */
  obtained(upstream: Upstream): void;
  unobtainable(why: Unobtainable): void;
  /** The client may be sent to the server itself; true when it was. */
  redirected(prefix: string): boolean;
  /** A turn of some server ends it; `reason` is for the log. */
  severed(reason: SeverReason): void;
}

/**
 * Gets a server connection for one request: a place on a server, then an idle connection where
 * that is allowed, else a new one, with retries and redispatch (manual, `retries`, `option
 * redispatch`, `http-reuse safe`). Holds the place until `release`.
 */
export class Connector implements UpstreamUser {
  readonly #backend: Backend;
  readonly #pools: Pools;
  readonly #account: Account;
  readonly #owner: ConnectorOwner;
  readonly #headBytes: number;
  /** Of the request's key, where servers are chosen by one. */
  readonly #hash: number;
  /** Which idle connections it may have; undefined = none. */
  #reuse: Reuse | undefined;
  readonly #own: Pick<ExchangeClient, 'own' | 'tls'>;
  #assignment: Assignment | undefined;
  #upstream: Upstream | undefined;
  #queued: AbortController | undefined;
  #pause: NodeJS.Timeout | undefined;
  #waitsFor: Server | undefined;
  /** Stickiness chose the server that it tries. */
  #direct = false;
  #failures = 0;
  #released = false;

  constructor(
    backend: Backend,
    pools: Pools,
    account: Account,
    owner: ConnectorOwner,
    options: {
      reuse: Reuse | undefined;
      own: Pick<ExchangeClient, 'own' | 'tls'>;
      headBytes: number;
      hash: number;
    },
  ) {
    this.#backend = backend;
    this.#pools = pools;
    this.#account = account;
    this.#owner = owner;
    this.#reuse = options.reuse;
    this.#own = options.own;
    this.#headBytes = options.headBytes;
    this.#hash = options.hash;
  }

  /** `Q` while it waits for a place, `C` while it connects: for the log. */
  get phase(): 'Q' | 'C' {
    return this.#assignment ? 'C' : 'Q';
  }

  start(): void {
    this.#assign(undefined);
  }

  /** Once more on a connection of its own: the reused one was closed by its server meanwhile. */
  again(): void {
    this.#reuse = undefined;
    this.#upstream = undefined;
    this.#open(this.#assignment!.server);
  }

  /**
   * Tries again after a response that `retry-on` takes for a failure; the connection it came on is
   * the caller's to end. False when there have been enough retries.
   */
  retry(): boolean {
    const { server } = this.#assignment!;
    const { action } = afterFailure(server, this.#failures + 1, 'response', this.#hold);
    if (action === 'give-up') return false;
    this.#failures += 1;
    this.#account.retries += 1;
    this.#reuse = undefined;
    this.#upstream = undefined;
    this.#tryOn(server, action);
    return true;
  }

  /** Gives up whatever was reached, and the place. */
  abort(): void {
    clearTimeout(this.#pause);
    if (this.#queued && !this.#assignment) this.#account.leftQueue();
    const upstream = this.#upstream;
    if (upstream?.user === this) {
      this.#pools.closed(upstream.server);
      upstream.destroy();
    }
    this.release();
    this.#queued?.abort();
  }

  sever(reason: SeverReason): void {
    this.#owner.severed(reason);
  }

  release(): void {
    this.#released = true;
    this.#giveBack();
  }

  #giveBack(): void {
    this.#account.placeHeld = false;
    this.#assignment?.server.sessions?.delete(this);
    this.#assignment?.release();
  }

  #assign(previous: Server | undefined): void {
    // Stickiness holds for the first attempt; a redispatch is free to go elsewhere.
    const wanted = previous ? undefined : this.#wanted();
    this.#direct = wanted !== undefined;
    let assignment: Assignment | undefined;
    try {
      assignment = wanted
        ? this.#backend.tryAssignTo(wanted)
        : this.#backend.tryAssign(previous, this.#hash);
    } catch (error) {
      this.#refused(error);
      return;
    }
    if (assignment) {
      this.#assigned(assignment, previous);
      return;
    }
    this.#queued = new AbortController();
    const { signal } = this.#queued;
    const left = (serverQueue: number, backendQueue: number): void => {
      this.#account.serverQueue += serverQueue;
      this.#account.backendQueue += backendQueue;
    };
    const chosen = (server: Server): void => {
      this.#account.serverLabel = server.config.name;
      this.#waitsFor = server;
    };
    const options = { avoid: previous, hash: this.#hash, chosen, signal, left };
    const granting = wanted
      ? this.#backend.enqueueFor(wanted, options)
      : this.#backend.enqueue(options);
    Promise.resolve(granting).then(
      (granted) => {
        if (this.#released) granted.release();
        else this.#assigned(granted, previous ?? (granted.server === wanted ? undefined : wanted));
      },
      (error: unknown) => {
        if (!this.#released) this.#refused(error);
      },
    );
  }

  /** The server that rules, a cookie or a table name, in this order of weight. */
  #wanted(): Server | undefined {
    const { sticky, scope } = this.#account;
    return sticky?.wanted ?? scope?.wantedServer ?? scope?.sticking?.wanted;
  }

  #refused(error: unknown): void {
    this.#backend.counters.econ += 1;
    if (this.#waitsFor) this.#waitsFor.counters.econ += 1;
    const code = error instanceof BrambleError ? error.code : undefined;
    if (code === ERROR_CODES.QUEUE_TIMEOUT) {
      this.#account.leftQueue();
      this.#owner.unobtainable({ status: 503, termination: 'sQ' });
    } else if (code === ERROR_CODES.QUEUE_FULL) {
      this.#owner.unobtainable({ status: 503, termination: 'SQ' });
    } else if (code === ERROR_CODES.NO_SERVER) {
      this.#owner.unobtainable({ status: 503, termination: 'SC' });
    } else {
      this.#owner.unobtainable({ status: 500, termination: 'IQ' });
    }
  }

  #assigned(assignment: Assignment, previous: Server | undefined): void {
    this.#assignment = assignment;
    this.#account.serverLabel = undefined;
    this.#account.serverAssigned(assignment, this.#headBytes);
    if (previous) {
      countRetry(this.#backend, previous, assignment);
      if (assignment.server !== previous) this.#account.redispatched = true;
      this.#account.sticky?.redispatched();
    }
    const { server } = assignment;
    server.sessions?.add(this);
    const { redirection } = server.config;
    if (redirection !== undefined && this.#owner.redirected(redirection)) return;
    const idle = this.#idle(server);
    if (!idle) {
      this.#open(server);
      return;
    }
    server.counters.reuse += 1;
    this.#backend.counters.reuse += 1;
    this.#upstream = idle;
    this.#owner.obtained(idle);
  }

  #idle(server: Server): Upstream | undefined {
    if (!this.#reuse) return undefined;
    const name = this.#keyFor(server);
    const own = this.#own.own.take(server, name);
    if (own || this.#reuse === 'private') return own;
    return this.#pools.take(server, name, this.#reuse);
  }

  /** The name that a TLS server is asked by. */
  #nameFor({ config: { tls } }: Server): string | undefined {
    return tls && requestedName(tls, this.#account.scope);
  }

  /** What an idle connection must have in common with the one that is wanted. */
  #keyFor(server: Server): string | undefined {
    const name = this.#nameFor(server);
    const place = destinationKey(server.config, this.#account.client);
    const preface = this.#prefaceFor(server)?.toString('latin1');
    if (place === undefined && preface === undefined) return name;
    return `${place ?? ''} ${name ?? ''} ${preface ?? ''}`;
  }

  /** It speaks of one client, or of one request of his (`unique-id`). */
  #prefaceFor(server: Server): Buffer | undefined {
    if (!server.config.sendProxy) return undefined;
    return prefaceFor(server.config, this.#account.client, () => ({
      tls: this.#own.tls,
      uniqueId: this.#account.scope?.uniqueId,
    }));
  }

  #open(server: Server): void {
    this.#pools.opened(server);
    const upstream = new Upstream(server, this, {
      to: destinationOf(server.config, this.#account.client),
      key: this.#keyFor(server),
      serverName: this.#nameFor(server),
      preface: this.#prefaceFor(server),
    });
    this.#upstream = upstream;
    upstream.deadline.set(this.#backend.config.timeouts.connect);
  }

  upstreamConnected(): void {
    const upstream = this.#upstream!;
    const { server } = upstream;
    upstream.deadline.clear();
    server.observer?.sign('connected');
    server.counters.connect += 1;
    this.#backend.counters.connect += 1;
    this.#owner.obtained(upstream);
  }

  upstreamExpired(): void {
    this.#failed('timeout');
  }

  upstreamClosed(): void {
    this.#failed('error');
  }

  upstreamEnded(): void {}
  upstreamData(): void {}
  upstreamDrained(): void {}

  #failed(kind: 'error' | 'timeout'): void {
    const upstream = this.#upstream!;
    const { server } = upstream;
    this.#upstream = undefined;
    this.#pools.closed(server);
    upstream.destroy();
    this.#failures += 1;
    server.observer?.sign('unconnected');
    const { action, delay } = afterFailure(server, this.#failures, kind, this.#hold);
    if (action === 'give-up') {
      server.counters.econ += 1;
      this.#backend.counters.econ += 1;
      this.#owner.unobtainable({ status: 503, termination: kind === 'timeout' ? 'sC' : 'SC' });
      return;
    }
    this.#account.retries += 1;
    const next = (): void => {
      if (!this.#released) this.#tryOn(server, action);
    };
    if (delay === 0) next();
    else this.#pause = setTimeout(next, delay);
  }

  /** How firmly it belongs to the server that it tries. */
  get #hold(): Hold {
    if (this.#direct && this.#account.scope?.persistence === 'force') return 'forced';
    return this.#direct ? 'sticky' : 'none';
  }

  #tryOn(server: Server, action: 'same' | 'redispatch'): void {
    if (action === 'redispatch') {
      this.#giveBack();
      this.#assignment = undefined;
      this.#assign(server);
      return;
    }
    server.counters.wretr += 1;
    this.#backend.counters.wretr += 1;
    this.#open(server);
  }
}
