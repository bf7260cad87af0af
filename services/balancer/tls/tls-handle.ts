import {
  createShutdownRequest,
  createWriteRequest,
  failRead,
  lastWritePending,
  markPending,
  type ShutdownRequest,
  type SocketName,
  type TcpHandle,
  type WriteRequest,
} from '../tcp/handle.ts';
import type { Carrier } from './carrier.ts';

/**
 * A TLS connection as the planes see a plain one. Underneath, one write may be under way at a time
 * and reading cannot be stopped within a record, so that writes queue here; the caller hears of them
 * when all are through.
 */
export class TlsHandle implements TcpHandle {
  onread: TcpHandle['onread'] = () => undefined;
  owner: unknown;
  readonly #carrier: Carrier;
  readonly #inner: TcpHandle;
  /** The last write is with the TLS layer, and its buffer free again. */
  consumed = false;
  #busy = false;
  #queue: (Uint8Array | string)[] = [];
  /** Told when the queue is empty again. */
  #requests: WriteRequest[] = [];
  #shutdown: ShutdownRequest | undefined;
  #finished = false;
  #closed = false;

  /** Takes over a connection whose handshake is complete, before it has read anything. */
  constructor(carrier: Carrier) {
    this.#carrier = carrier;
    this.#inner = carrier.layer!;
    carrier.onFault(() => this.#failed());
  }

  /** What it rests on, for who wants to know what the TLS is like. */
  get carrier(): Carrier {
    return this.#carrier;
  }

  useUserBuffer(buffer: Uint8Array): void {
    this.#inner.onread = (data) => {
      if (!this.#closed) this.onread(data);
      return undefined;
    };
    this.#inner.useUserBuffer(buffer);
  }

  readStart(): number {
    const status = this.#inner.readStart();
    return status === ALREADY_READING ? 0 : status;
  }

  readStop(): number {
    return this.#inner.readStop();
  }

  writeBuffer(request: WriteRequest, data: Uint8Array): number {
    return this.#enqueue(request, data);
  }

  writeLatin1String(request: WriteRequest, text: string): number {
    return this.#enqueue(request, text);
  }

  shutdown(request: ShutdownRequest): number {
    this.#shutdown = request;
    this.#finished = true;
    return this.#busy ? 0 : this.#inner.shutdown(request);
  }

  /** With the notice that no more comes (RFC 8446, 6.1), unless it was sent. */
  close(done?: (this: TcpHandle) => void): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#finished) {
      const request = createShutdownRequest();
      request.oncomplete = () => undefined;
      this.#inner.shutdown(request);
    }
    this.#carrier.close(done && (() => done.call(this)));
  }

  reset(done?: (this: TcpHandle) => void): number {
    if (this.#closed) return 0;
    this.#closed = true;
    this.#carrier.reset(done && (() => done.call(this)));
    return 0;
  }

  setNoDelay(on: boolean): number {
    return this.#inner.setNoDelay(on);
  }

  setKeepAlive(on: boolean, idle: number): number {
    return this.#inner.setKeepAlive(on, idle);
  }

  getpeername(out: SocketName): number {
    return this.#inner.getpeername(out);
  }

  getsockname(out: SocketName): number {
    return this.#inner.getsockname(out);
  }

  /** It stands already. */
  bind(): number {
    return ALREADY_CONNECTED;
  }

  bind6(): number {
    return ALREADY_CONNECTED;
  }

  connect(): number {
    return ALREADY_CONNECTED;
  }

  connect6(): number {
    return ALREADY_CONNECTED;
  }

  #enqueue(request: WriteRequest, data: Uint8Array | string): number {
    this.consumed = !this.#busy;
    if (this.#busy) {
      this.#queue.push(data);
      this.#requests.push(request);
      markPending();
      return 0;
    }
    const status = this.#write(data);
    if (this.#busy) this.#requests.push(request);
    return status;
  }

  #write(data: Uint8Array | string): number {
    const request = createWriteRequest(this.#inner, onInnerWritten);
    request.outer = this;
    const status =
      typeof data === 'string'
        ? this.#inner.writeLatin1String(request, data)
        : this.#inner.writeBuffer(request, data);
    if (status === 0 && lastWritePending()) {
      if (typeof data !== 'string') request.buffer = data;
      this.#busy = true;
    }
    return status;
  }

  innerWritten(status: number): void {
    this.#busy = false;
    let result = status;
    while (result === 0 && !this.#busy && this.#queue.length > 0 && !this.#closed) {
      result = this.#write(this.#queue.shift()!);
    }
    if (this.#busy) return;
    this.#queue = [];
    const requests = this.#requests;
    this.#requests = [];
    if (this.#shutdown && !this.#closed) this.#inner.shutdown(this.#shutdown);
    for (const request of requests) if (!this.#closed) request.oncomplete(result);
  }

  #failed(): void {
    if (!this.#closed) failRead(this);
  }
}

/** EALREADY: the handshake has been reading. */
const ALREADY_READING = -114;
/** EISCONN. */
const ALREADY_CONNECTED = -106;

function onInnerWritten(this: WriteRequest, status: number): void {
  this.outer?.innerWritten(status);
}
