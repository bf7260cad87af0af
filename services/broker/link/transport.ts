import type { Socket } from 'node:net';
import type { Arrival } from './arrival.ts';
import type { Accepted } from './listener.ts';

/** What a connection needs of the socket beneath it: TCP, or MQTT over WebSocket. */
export interface Transport {
  /** Address of the client (from the PROXY header where one was required). */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** What its certificate calls the client; undefined without one, '' where that is not asked. */
  readonly certificateUser: string | undefined;
  readonly arrival: Arrival;
  /** Name of the listener that it came through. */
  readonly listener: string;
  /** Bytes handed to `write` so far. */
  readonly bytesOut: number;
  /** Bytes handed to `write` that the system has not taken yet. */
  readonly waiting: number;
  onData: (chunk: Buffer) => void;
  /** The system has taken everything. */
  onDrain: () => void;
  /** The other side is gone or the socket failed; called once. */
  onClose: () => void;
  write(pieces: readonly Buffer[]): void;
  pause(): void;
  resume(): void;
  /** Sends what is waiting, then closes. */
  end(): void;
  destroy(): void;
}

const nothing = (): void => {};

/** After `end`, the longest wait for a client to take the last bytes, milliseconds. */
const END_TIMEOUT = 2_000;

/** Silence after which the system probes the other side, milliseconds: for clients without keep alive. */
const TCP_KEEP_ALIVE = 60_000;

/** MQTT over TCP. */
export class TcpTransport implements Transport {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly certificateUser: string | undefined;
  readonly arrival: Arrival;
  readonly listener: string;
  bytesOut = 0;
  onData: (chunk: Buffer) => void = nothing;
  onDrain: () => void = nothing;
  onClose: () => void = nothing;
  readonly #socket: Socket;
  readonly #written = (): void => {
    if (this.#socket.writableLength === 0) this.onDrain();
  };

  constructor({ socket, arrival, listener, certificateUser }: Accepted) {
    this.#socket = socket;
    this.remoteAddress = arrival.address;
    this.remotePort = arrival.port;
    this.certificateUser = certificateUser;
    this.arrival = arrival;
    this.listener = listener;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, TCP_KEEP_ALIVE);
    socket.on('data', (chunk: Buffer) => this.onData(chunk));
    socket.on('error', nothing);
    socket.on('end', () => socket.destroy());
    socket.once('close', () => {
      const closed = this.onClose;
      this.onData = nothing;
      this.onDrain = nothing;
      this.onClose = nothing;
      closed();
    });
  }

  get waiting(): number {
    return this.#socket.writableLength;
  }

  write(pieces: readonly Buffer[]): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    for (const piece of pieces) this.bytesOut += piece.length;
    if (pieces.length === 1) {
      socket.write(pieces[0]!, this.#written);
      return;
    }
    socket.cork();
    const last = pieces.length - 1;
    for (let i = 0; i < last; i++) socket.write(pieces[i]!);
    socket.write(pieces[last]!, this.#written);
    socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    socket.end();
    // What the client still sends is read and dropped, so that the close is no reset.
    this.onData = nothing;
    socket.resume();
    const overdue = setTimeout(() => socket.destroy(), END_TIMEOUT);
    socket.once('close', () => clearTimeout(overdue));
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
