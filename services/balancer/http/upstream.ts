import type { Address } from '../model.ts';
import type { ServerEnds } from '../samples/scope.ts';
import type { Server } from '../servers/server.ts';
import { Dial } from '../tcp/dial.ts';
import type { SocketName } from '../tcp/handle.ts';
import { Wire, type WireOwner } from '../tcp/wire.ts';
import type { TlsState } from '../tls/facts.ts';
import { Deadline } from './deadline.ts';

/** How long the last bytes may take that a server was sent, milliseconds. */
const FLUSH_LIMIT = 5000;

/** Who uses a server connection at the moment. */
export interface UpstreamUser {
  upstreamConnected?(): void;
  /** `chunk` is good until this returns. */
  upstreamData(chunk: Buffer): void;
  /** The server has sent its FIN. */
  upstreamEnded(): void;
  /** The connection is gone: 0, or the negative errno of a fault. Nothing comes after it. */
  upstreamClosed(status: number): void;
  /** It takes more again after a write that returned false. */
  upstreamDrained(): void;
  /** The limit set on `deadline` has passed. */
  upstreamExpired(): void;
}

export interface UpstreamOptions {
  readonly to: Address;
  readonly key: string | undefined;
  readonly preface: Buffer | undefined;
  readonly serverName: string | undefined;
}

/**
 * One connection to a server; who is told of it changes with every exchange. Idle ones belong to
 * the pool, and whatever happens to an idle one ends it.
 */
export class Upstream implements WireOwner {
  readonly server: Server;
  /** What tells it from others of its server: the name that it was asked by, where it went. */
  readonly key: string | undefined;
  readonly deadline: Deadline;
  user: UpstreamUser | undefined;
  /** Exchanges that it has served before the present one. */
  served = 0;
  /** When it last became idle, on the clock of performance.now(). */
  idleSince = 0;
  onIdleEnd: (() => void) | undefined;
  readonly #dial = new Dial();
  #wire: Wire | undefined;
  #over = false;

  /** `preface` goes out first, in the clear: a PROXY header. `serverName` is for TLS. */
  constructor(
    server: Server,
    user: UpstreamUser,
    { preface, serverName, key, to }: UpstreamOptions,
  ) {
    this.key = key;
    this.server = server;
    this.user = user;
    this.deadline = new Deadline(() => (this.user ? this.user.upstreamExpired() : this.destroy()));
    const keepAlive = server.backend.config.options.srvtcpka;
    this.#dial.start(server, { to, keepAlive, preface, serverName }, (status) => {
      if (status === 0) this.#connected(preface);
      else this.closed(status);
    });
  }

  /** Whether it can carry another request, as far as is known. */
  get alive(): boolean {
    return this.#wire?.open ?? false;
  }

  /** Its TLS, where it has any. */
  get tls(): TlsState | undefined {
    return this.#dial.tls;
  }

  get ends(): ServerEnds {
    const handle = this.#wire?.handle;
    const own: SocketName = {};
    const peer: SocketName = {};
    handle?.getsockname(own);
    handle?.getpeername(peer);
    return {
      localAddress: own.address,
      localPort: own.port,
      remoteAddress: peer.address,
      remotePort: peer.port,
    };
  }

  /** Writes; false = to be continued when the user is told `upstreamDrained`. */
  write(head: string, parts: readonly Buffer[]): boolean {
    return this.#wire!.write(head, parts);
  }

  pause(): void {
    this.#wire?.pause();
  }

  resume(): void {
    this.#wire?.resume();
  }

  /** Sends FIN behind what was written; more may still come. */
  sendEnd(): void {
    this.#wire?.finish();
  }

  /** Ends it now; its user hears nothing more. */
  destroy(): void {
    this.#over = true;
    this.user = undefined;
    this.onIdleEnd = undefined;
    this.deadline.close();
    if (this.#wire) this.#wire.destroy();
    else this.#dial.cancel();
  }

  /** Ends it behind what was written; its user hears nothing more. */
  finish(): void {
    if (!this.#wire?.waits) {
      this.destroy();
      return;
    }
    this.user = undefined;
    this.deadline.set(FLUSH_LIMIT);
    this.#wire.finishAndClose();
  }

  #connected(preface: Buffer | undefined): void {
    const wire = new Wire(this.#dial.handle, this);
    this.#wire = wire;
    // Under TLS it went out before the handshake.
    if (preface && !this.server.config.tls) wire.write('', [preface]);
    wire.resume();
    this.user?.upstreamConnected?.();
  }

  received(bytes: Buffer): void {
    if (this.user) this.user.upstreamData(bytes);
    else this.#endIdle();
  }

  readEnded(): void {
    if (this.user) this.user.upstreamEnded();
    else this.#endIdle();
  }

  drained(): void {
    this.user?.upstreamDrained();
  }

  closed(status: number): void {
    if (this.#over) return;
    this.#over = true;
    this.deadline.close();
    const { user } = this;
    this.user = undefined;
    if (user) user.upstreamClosed(status);
    else this.#endIdle();
  }

  #endIdle(): void {
    this.onIdleEnd?.();
    this.destroy();
  }
}
