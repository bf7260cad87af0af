import net from 'node:net';
import type { Address } from '../model.ts';
import type { Server } from '../servers/server.ts';
import { endpointOf } from '../tcp/endpoint.ts';
import { SHARED_READ } from '../tcp/shared-read.ts';
import { startTls } from '../tls/outgoing.ts';
import { Deadline } from './deadline.ts';

/** How long the last bytes may take that a server was sent, milliseconds. */
const FLUSH_LIMIT = 5000;

/** Where a connection comes from (`source`); port 0 and no host = any. */
const localEnd = ({ host, port }: Address): { localAddress?: string; localPort?: number } => ({
  ...(host === '' ? {} : { localAddress: host }),
  ...(port === 0 ? {} : { localPort: port }),
});

/** Who uses a server connection at the moment. */
export interface UpstreamUser {
  upstreamConnected?(): void;
  upstreamData(chunk: Buffer): void;
  /** The server has sent its FIN. */
  upstreamEnded(): void;
  /** The connection is gone, with the reason where it was a fault. Nothing comes after it. */
  upstreamClosed(error: Error | undefined): void;
  /** The socket takes more again after a write that returned false. */
  upstreamDrained(): void;
  /** The limit set on `deadline` has passed. */
  upstreamExpired(): void;
}

/**
 * One connection to a server. Its listeners are attached once; who is told changes with every
 * exchange. Idle ones belong to the pool, and whatever happens to an idle one ends it.
 */
export class Upstream {
  readonly server: Server;
  socket: net.Socket;
  /** The name that it was asked by, where that is not the same for all. */
  readonly serverName: string | undefined;
  readonly deadline: Deadline;
  user: UpstreamUser | undefined;
  /** Exchanges that it has served before the present one. */
  served = 0;
  /** When it last became idle, on the clock of performance.now(). */
  idleSince = 0;
  onIdleEnd: (() => void) | undefined;
  #error: Error | undefined;
  #pending = true;

  /** `preface` goes out first, in the clear: a PROXY header. */
  constructor(
    server: Server,
    user: UpstreamUser,
    { preface, serverName }: { preface?: Buffer | undefined; serverName?: string | undefined } = {},
  ) {
    const { host, port, tls, source } = server.config;
    this.serverName = serverName;
    this.server = server;
    server.pending += 1;
    this.user = user;
    this.deadline = new Deadline(() => (this.user ? this.user.upstreamExpired() : this.destroy()));
    const socket = net.connect({
      ...endpointOf(host, port),
      ...(source && localEnd(source)),
      noDelay: true,
      allowHalfOpen: true,
      ...(tls ? {} : { onread: SHARED_READ }),
    });
    this.socket = socket;
    if (server.backend.config.options.srvtcpka) socket.setKeepAlive(true);
    if (!tls) {
      if (preface) socket.write(preface);
      this.#listen('connect');
      return;
    }
    const failed = (error: Error): void => {
      this.#error = error;
    };
    const closed = (): void => this.#closed();
    socket.on('error', failed);
    socket.once('close', closed);
    socket.once('connect', () => {
      if (preface) socket.write(preface);
      socket.off('close', closed);
      this.socket = startTls(socket, tls, serverName);
      this.#listen('secureConnect');
    });
  }

  /** Whether the socket can carry another request, as far as is known. */
  get alive(): boolean {
    return this.socket.readyState === 'open' && this.#error === undefined;
  }

  /** Ends it now; its user hears nothing more. */
  destroy(): void {
    this.user = undefined;
    this.onIdleEnd = undefined;
    this.#settled();
    this.deadline.close();
    this.socket.destroy();
  }

  /** Ends it behind what was written; its user hears nothing more. */
  finish(): void {
    if (this.socket.writableLength === 0) {
      this.destroy();
      return;
    }
    this.user = undefined;
    this.deadline.set(FLUSH_LIMIT);
    this.socket.destroySoon();
  }

  #listen(ready: 'connect' | 'secureConnect'): void {
    const { socket } = this;
    socket.once(ready, () => {
      this.#settled();
      this.user?.upstreamConnected?.();
    });
    socket.on('data', (chunk: Buffer) => {
      if (this.user) this.user.upstreamData(chunk);
      else this.#endIdle();
    });
    socket.on('end', () => {
      if (this.user) this.user.upstreamEnded();
      else this.#endIdle();
    });
    socket.on('drain', () => this.user?.upstreamDrained());
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => this.#closed());
  }

  #closed(): void {
    this.#settled();
    this.deadline.close();
    const { user } = this;
    this.user = undefined;
    if (user) user.upstreamClosed(this.#error);
    else this.#endIdle();
  }

  /** It is not being established any more. */
  #settled(): void {
    if (!this.#pending) return;
    this.#pending = false;
    this.server.pending -= 1;
  }

  #endIdle(): void {
    this.onIdleEnd?.();
    this.destroy();
  }
}
