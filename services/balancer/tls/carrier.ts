import type net from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { TcpHandle } from '../tcp/handle.ts';
import type { TlsLayer } from './tls-layer.ts';

/** What a TLS connection rests on, and how it ends. */
export interface Carrier {
  /** The TLS layer; undefined once it is gone. */
  readonly layer: TlsLayer | undefined;
  /** Sets who is told of faults that no read tells, and of an end that nobody asked for. */
  onFault(failed: () => void): void;
  /** `done` is called later, once. */
  close(done?: () => void): void;
  reset(done?: () => void): void;
}

/** A connection accepted and made TLS by us, with no streams. */
export class LayerCarrier implements Carrier {
  layer: TlsLayer | undefined;
  readonly #below: TcpHandle;
  #closed = false;

  constructor(layer: TlsLayer, below: TcpHandle) {
    this.layer = layer;
    this.#below = below;
  }

  onFault(failed: () => void): void {
    if (this.layer) this.layer.onerror = failed;
  }

  close(done?: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#below.close(() => this.#gone(done));
  }

  reset(done?: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    const gone = (): void => this.#gone(done);
    // The runtime refuses to reset while FIN is due.
    if (this.#below.reset(gone) !== 0) this.#below.close(gone);
  }

  /** The TLS state may be freed now that nothing of it is on the stack. */
  #gone(done: (() => void) | undefined): void {
    this.layer?.destroySSL();
    this.layer = undefined;
    done?.();
  }
}

/** A connection of the runtime's own making. */
export class SocketCarrier implements Carrier {
  readonly socket: TLSSocket;

  constructor(socket: TLSSocket) {
    this.socket = socket;
  }

  get layer(): TlsLayer | undefined {
    return (this.socket as unknown as { _handle: TlsLayer | null })._handle ?? undefined;
  }

  onFault(failed: () => void): void {
    this.socket.on('error', failed);
    this.socket.on('close', failed);
  }

  close(done?: () => void): void {
    if (done) this.#afterClose(done);
    this.socket.destroy();
  }

  /**
   * Through the socket below: its end takes this one along once nothing native is on the stack any
   * more. Ending both at once would free the TLS state in the middle of its own callback.
   */
  reset(done?: () => void): void {
    if (done) this.#afterClose(done);
    const { _parent: raw } = this.socket as unknown as { _parent?: net.Socket };
    if (raw && !raw.destroyed) raw.resetAndDestroy();
    else this.socket.destroy();
  }

  /** Its faults are told by a socket that is closed already. */
  #afterClose(done: () => void): void {
    if (this.socket.closed) process.nextTick(done);
    else this.socket.once('close', done);
  }
}
