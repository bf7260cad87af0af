import type { WebSocket } from 'ws';
import type { Arrival } from './arrival.ts';
import type { Accepted } from './listener.ts';
import type { Transport } from './transport.ts';

const nothing = (): void => {};

/** After `end`, the longest wait for the closing handshake, milliseconds. */
const END_TIMEOUT = 2_000;
/** RFC 6455, 7.4.1: a message of a type that the endpoint cannot accept. */
const UNSUPPORTED_DATA = 1003;

/**
 * MQTT over WebSocket (MQTT 5, 6): binary messages only ([MQTT-6.0.0-1]), whose borders mean
 * nothing ([MQTT-6.0.0-2]).
 */
export class WebSocketTransport implements Transport {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly certificateUser: string | undefined;
  readonly arrival: Arrival;
  readonly listener: string;
  bytesOut = 0;
  onData: (chunk: Buffer) => void = nothing;
  onDrain: () => void = nothing;
  onClose: () => void = nothing;
  readonly #socket: WebSocket;
  #finishing = false;
  readonly #written = (): void => {
    if (this.#socket.bufferedAmount === 0) this.onDrain();
  };

  constructor(socket: WebSocket, { arrival, listener, certificateUser }: Accepted) {
    this.#socket = socket;
    this.remoteAddress = arrival.address;
    this.remotePort = arrival.port;
    this.certificateUser = certificateUser;
    this.arrival = arrival;
    this.listener = listener;
    socket.binaryType = 'nodebuffer';
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) this.onData(data);
      else this.#finish(UNSUPPORTED_DATA, 'binary messages only');
    });
    socket.on('error', nothing);
    socket.once('close', () => {
      const closed = this.onClose;
      this.onData = nothing;
      this.onDrain = nothing;
      this.onClose = nothing;
      closed();
    });
  }

  get waiting(): number {
    return this.#socket.bufferedAmount;
  }

  write(pieces: readonly Buffer[]): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    for (const piece of pieces) {
      this.bytesOut += piece.length;
      this.#socket.send(piece, this.#written);
    }
  }

  pause(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.pause();
  }

  resume(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.resume();
  }

  end(): void {
    this.#finish();
  }

  destroy(): void {
    this.#socket.terminate();
  }

  /** Begins the closing handshake, and waits a bounded time for the client's part of it. */
  #finish(code?: number, reason?: string): void {
    if (this.#finishing) return;
    this.#finishing = true;
    this.onData = nothing;
    this.#socket.resume();
    this.#socket.close(code, reason);
    const overdue = setTimeout(() => this.#socket.terminate(), END_TIMEOUT);
    this.#socket.once('close', () => clearTimeout(overdue));
  }
}
