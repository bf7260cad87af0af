import { once } from 'node:events';
import type net from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { listenError } from '#core/listen.ts';
import type { Logger } from '#core/log.ts';
import type { BindConfig } from '../model.ts';
import type { FrontendContext } from '../servers/types.ts';
import { errorName, type ListenHandle, type SocketName, type TcpHandle } from '../tcp/handle.ts';
import { adoptLocal, isLocal } from '../tcp/local-handle.ts';
import { TcpScope } from '../tcp/tcp-scope.ts';
import type { TimerWheel } from '../tcp/timer-wheel.ts';
import { acceptorFor, type HandshakeFault, type TlsAcceptor } from '../tls/acceptor.ts';
import type { TlsState } from '../tls/facts.ts';
import type { Admission, Waiting } from './admission.ts';
import type { AcceptedHandle, ClientAddress, HandleHandler } from './handler.ts';
import { type OpenSocket, openSocket } from './open-socket.ts';
import type { ProxyFault } from './proxy-parser.ts';
import { receiveProxyHeader } from './receive-proxy.ts';

const DEFAULT_HEADER_TIMEOUT = 10_000;
const QUIET_TIME = 1000;
/** Between looks at a rate that holds connections back, milliseconds. */
const RATE_PATIENCE = 10;
/** A turn of the event loop that is as good as idle, milliseconds, and how many to wait for it. */
const QUIET_TURN = 0.1;
const MAX_TURNS = 200;
const EVERY_ADDRESS = new Set(['', '0.0.0.0', '::']);

export interface ListenerDeps {
  readonly admission: Admission;
  readonly wheel: TimerWheel;
  readonly log: Logger;
  readonly handler: HandleHandler;
  /** Another process holds the ports and is about to go. */
  readonly takeover?: boolean;
}

/**
 * One `bind`: listens, and hands over each connection that fits under the three limits (the bind's,
 * the frontend's, the process's). The others wait, untouched and uncounted, as they would in the
 * kernel's backlog; beyond what the process may hold they are refused.
 */
export class Listener implements Waiting {
  bind: BindConfig;
  context: FrontendContext;
  #deps: ListenerDeps;
  #acceptor: TlsAcceptor | undefined;
  readonly #waiting: TcpHandle[] = [];
  #server: net.Server | undefined;
  #forget = (): void => undefined;
  #current = 0;
  /** Connections that the kernel has handed over. */
  #arrivals = 0;
  #open = false;
  #admitting = false;
  #later: NodeJS.Timeout | undefined;
  #complainedAt = Number.NEGATIVE_INFINITY;

  constructor(bind: BindConfig, context: FrontendContext, deps: ListenerDeps) {
    this.bind = bind;
    this.context = context;
    this.#deps = deps;
    this.#acceptor = bind.tls && acceptorFor(bind.tls);
  }

  /** Connections of this bind now, and those that wait. */
  get current(): number {
    return this.#current;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Takes the address; who connects waits until `open`. Rejects with PORT_IN_USE or LISTEN_REFUSED,
   * naming proxy and address.
   */
  async start(): Promise<void> {
    const { host, port, fd } = this.bind;
    let opened: OpenSocket;
    try {
      opened = await openSocket(this.bind, this.#deps.takeover ?? false);
    } catch (error) {
      const shown = fd === undefined ? host.replaceAll('\0', '@') || '*' : `fd@${fd}`;
      throw listenError(error, shown, port, this.context.config.name);
    }
    const { server } = opened;
    this.#server = server;
    this.#forget = opened.forget;
    const { _handle: handle } = server as unknown as { _handle: ListenHandle };
    handle.onconnection = (status, client) => this.#accepted(status, client);
  }

  /** Serves another frontend from now on, or the same one with other settings. */
  serve(bind: BindConfig, context: FrontendContext, deps: ListenerDeps): void {
    if (bind.tls !== this.bind.tls) this.#acceptor = bind.tls && acceptorFor(bind.tls);
    this.bind = bind;
    this.context = context;
    this.#deps = deps;
    if (this.#waiting.length > 0) this.admit();
  }

  /** Whether it holds its address. */
  get listening(): boolean {
    return this.#server !== undefined;
  }

  /** Begins to serve. */
  open(): void {
    this.#open = true;
    this.admit();
  }

  /** Stops listening; those that wait are refused, those being served are left alone. */
  async close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    await this.#quietTurn();
    this.#forget();
    this.#deps.admission.forget(this);
    clearTimeout(this.#later);
    for (const handle of this.#waiting.splice(0)) {
      this.#deps.admission.held -= 1;
      handle.reset();
    }
    server.close();
    await once(server, 'close');
  }

  /**
   * Waits for a turn of the event loop that brought nobody and had next to nothing to do. Then the
   * kernel's queue is empty, and the socket can be closed before more come, which would be reset:
   * who shares the port gets those.
   */
  async #quietTurn(): Promise<void> {
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      const arrivals = this.#arrivals;
      const began = performance.now();
      await setImmediate();
      if (arrivals === this.#arrivals && performance.now() - began < QUIET_TURN) return;
    }
  }

  admit(): void {
    if (this.#admitting) return;
    this.#admitting = true;
    while (this.#waiting.length > 0 && this.#enter()) {
      this.#deps.admission.held -= 1;
      this.#serve(this.#waiting.shift()!);
    }
    this.#admitting = false;
    if (this.#waiting.length === 0) return;
    this.#deps.admission.wait(this);
    this.#lookAgain();
  }

  get #full(): boolean {
    const { config, counters } = this.context;
    return (
      !this.#open ||
      this.#current >= (this.bind.maxconn ?? Number.POSITIVE_INFINITY) ||
      counters.present >= config.maxconn ||
      this.#deps.admission.full ||
      this.#tooFast
    );
  }

  /** `rate-limit sessions` and the limits of the process. */
  get #tooFast(): boolean {
    const { config, counters } = this.context;
    const { rateLimit = 0 } = config;
    return (
      (rateLimit > 0 && counters.sessionRate.readAll() >= rateLimit) ||
      this.#deps.admission.rates.reached(this.#acceptor !== undefined)
    );
  }

  /** Where a rate holds connections back, no end of another lets them in: time does. */
  #lookAgain(): void {
    if (this.#later || this.#waiting.length === 0 || !this.#tooFast) return;
    this.#later = setTimeout(() => {
      this.#later = undefined;
      this.admit();
    }, RATE_PATIENCE);
  }

  /** Lets one more in, unless that would be too many. */
  #enter(): boolean {
    if (this.#full) return false;
    const { entrance, config } = this.context;
    return entrance?.enter(this.bind, config.maxconn, this.#deps.admission.limit) ?? true;
  }

  #accepted(status: number, handle: TcpHandle): void {
    this.#arrivals += 1;
    if (status !== 0) {
      this.#complain(`cannot accept: ${errorName(status)}`);
      return;
    }
    if (this.#waiting.length === 0 && this.#enter()) {
      this.#serve(handle);
      return;
    }
    const { admission } = this.#deps;
    if (admission.held < admission.holdLimit) {
      this.#waiting.push(handle);
      admission.held += 1;
      admission.wait(this);
      this.#lookAgain();
    } else {
      this.#complain(`${admission.held} connections wait already, refusing more`);
      handle.reset();
    }
  }

  /** At most once a second: a flood must not fill the log too. */
  #complain(what: string): void {
    const now = performance.now();
    if (now - this.#complainedAt < QUIET_TIME) return;
    this.#complainedAt = now;
    const { config } = this.context;
    this.#deps.log.warn(`${config.name} ${this.bind.host}:${this.bind.port} ${what}`);
  }

  #serve(handle: TcpHandle): void {
    const acceptedAt = Date.now();
    const client = this.#addressesOf(handle);
    const { bind, context } = this;
    if (!client) {
      context.entrance?.leave(bind);
      handle.close();
      return;
    }
    const { counters, config } = context;
    this.#current += 1;
    context.live = (context.live ?? 0) + 1;
    this.#deps.admission.enter();
    this.#deps.admission.rates.count(this.#acceptor !== undefined);
    counters.connectionStarted(acceptedAt);
    const ended = (): void => this.#ended(context, bind);
    const accepted = { bind, client, acceptedAt, head: undefined, handle };
    if (!this.bind.acceptProxy) {
      this.#secure(accepted, context, ended);
      return;
    }
    const limit = config.timeouts.client ?? DEFAULT_HEADER_TIMEOUT;
    receiveProxyHeader(handle, this.#deps.wheel, limit, (result) => {
      if (typeof result === 'string') {
        this.#refused(accepted, result);
        ended();
      } else {
        const { ends, rest } = result;
        this.#secure(
          { ...accepted, client: ends ? { ...ends, bind } : client, head: rest },
          context,
          ended,
        );
      }
    });
  }

  /** Shakes hands first where the line says `ssl`. */
  #secure(accepted: AcceptedHandle, context: FrontendContext, ended: () => void): void {
    const acceptor = this.#acceptor;
    if (!acceptor) {
      this.#hand(accepted, context, ended);
      return;
    }
    const { handle, head } = accepted;
    const limit = context.config.timeouts.client ?? DEFAULT_HEADER_TIMEOUT;
    const done = (result: TlsState | HandshakeFault): void => {
      if (typeof result !== 'string') {
        this.#hand({ ...accepted, head: undefined, tls: result }, context, ended);
        return;
      }
      this.#refused(accepted, result);
      ended();
    };
    acceptor.accept(handle, this.#deps.wheel, { head, limit, done });
  }

  #refused(accepted: AcceptedHandle, reason: HandshakeFault | ProxyFault): void {
    const { client, acceptedAt } = accepted;
    const { config } = this.context;
    if (config.options.dontlognull && /^Connection (closed|error) /.test(reason)) return;
    const scope = new TcpScope(this.context, accepted);
    scope.fault = reason;
    this.context.log({
      kind: 'refused',
      clientAddress: client.host,
      clientPort: client.port,
      frontendAddress: client.localHost,
      frontendPort: client.localPort,
      frontend: config.name,
      listener: this.bind.name ?? String(config.binds.indexOf(this.bind) + 1),
      startedAt: acceptedAt,
      reason,
      scope,
    });
  }

  /** Both ends of a connection; undefined when it has gone already. */
  #addressesOf(handle: TcpHandle): ClientAddress | undefined {
    const { config } = this.context;
    if (isLocal(handle)) {
      // It has no name: HAProxy shows the kind, and the number of the listener.
      const port = config.binds.indexOf(this.bind) + 1;
      adoptLocal(handle);
      return { host: 'unix', port, localHost: 'unix', localPort: port, bind: this.bind };
    }
    const peer: SocketName = {};
    if (handle.getpeername(peer) !== 0) return undefined;
    const { host, port } = this.bind;
    const own: SocketName = { address: host, port };
    // Where one address is bound, it is the one that was connected to.
    const anywhere = EVERY_ADDRESS.has(host);
    if (anywhere && handle.getsockname(own) !== 0) return undefined;
    return {
      host: plain(peer.address!),
      port: peer.port!,
      localHost: plain(own.address!),
      localPort: own.port!,
      bind: this.bind,
    };
  }

  #hand(accepted: AcceptedHandle, context: FrontendContext, ended: () => void): void {
    context.counters.sessionCounted(accepted.acceptedAt);
    this.#deps.handler(accepted, context, ended);
  }

  #ended(context: FrontendContext, bind: BindConfig): void {
    this.#current -= 1;
    context.entrance?.leave(bind);
    context.live = (context.live ?? 1) - 1;
    context.counters.sessionEnded();
    if (this.#waiting.length > 0) this.#deps.admission.wait(this);
    this.#deps.admission.leave();
  }
}

/** IPv4 clients of an IPv6 socket by their own address. */
const plain = (address: string): string =>
  address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
