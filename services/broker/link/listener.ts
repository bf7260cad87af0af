import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Service } from '#core/lifecycle.ts';
import { listenError } from '#core/listen.ts';
import type { Arrival, Doorkeeper } from './arrival.ts';
import { takeProxyHeader } from './proxy-header.ts';
import type { TlsAcceptor } from './tls-acceptor.ts';
import type { Transport } from './transport.ts';
import type { TrustedAddresses } from './trusted.ts';

/** What all listeners of a node share; the limits may change while they listen. */
export interface SharedOptions {
  trusted: TrustedAddresses;
  door: Doorkeeper;
  /** From accept to CONNECT, milliseconds; PROXY header, TLS and upgrade are part of it. */
  connectTimeout: number;
  /** Largest WebSocket message, bytes. */
  packet: number;
  /** Told of a connection that ends before MQTT for the peer's fault. */
  refused: (address: string, why: string) => void;
  onTransport: (transport: Transport) => void;
}

export interface ListenerOptions extends SharedOptions {
  /** `mqtt`, `mqtts`, `ws`, `wss`: for errors, logs and lists. */
  name: string;
  host: string;
  port: number;
  /** A PROXY v2 header is required, and only from `trusted`. */
  proxyProtocol: boolean;
  /** Other processes listen on it too (SO_REUSEPORT). */
  shared: boolean;
  /** Undefined = plain. */
  tls: TlsAcceptor | undefined;
}

/** A connection whose PROXY header and TLS handshake are done. */
export interface Accepted {
  socket: Socket | TLSSocket;
  arrival: Arrival;
  /** Name of the listener. */
  listener: string;
  /** What its certificate calls the client; undefined without one. */
  certificateUser: string | undefined;
}

/** Connections that the system queues for us, so that a reconnect storm is not refused. */
const BACKLOG = 4_096;

/**
 * Accepts connections and brings them through what comes before MQTT or HTTP: the PROXY header,
 * the limits by address, TLS.
 */
export class Listener implements Service {
  readonly #options: ListenerOptions;
  readonly #accepted: (accepted: Accepted, rest: Buffer) => void;
  readonly #sockets = new Set<Socket>();
  #server: net.Server | undefined;

  constructor(options: ListenerOptions, accepted: (accepted: Accepted, rest: Buffer) => void) {
    this.#options = options;
    this.#accepted = accepted;
  }

  /** The port that it got, where 0 was asked for. */
  get port(): number {
    const address = this.#server?.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async start(): Promise<void> {
    const { host, port, name, shared } = this.#options;
    const server = net.createServer((socket) => this.#accept(socket));
    server.listen({ host, port, backlog: BACKLOG, reusePort: shared });
    try {
      await once(server, 'listening');
    } catch (error) {
      throw listenError(error, host, port, name);
    }
    this.#server = server;
  }

  /** Stops accepting; connections belong to their owners. */
  async close(): Promise<void> {
    this.#server?.close();
    this.#server = undefined;
  }

  destroy(): void {
    void this.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    const { door, proxyProtocol } = this.#options;
    const arrival = door.enter(() => socket.destroy());
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      door.leave(arrival);
    });
    const { remoteAddress = '', remotePort = 0 } = socket;
    if (!proxyProtocol) {
      socket.on('error', nothing);
      this.#admit(socket, arrival, remoteAddress, remotePort, NO_BYTES);
      return;
    }
    takeProxyHeader(socket, this.#options, (rest, source) => {
      socket.on('error', nothing);
      const { address = remoteAddress, port = remotePort } = source ?? {};
      if (source === undefined) arrival.probe = true;
      this.#admit(socket, arrival, address, port, rest);
    });
  }

  #admit(socket: Socket, arrival: Arrival, address: string, port: number, rest: Buffer): void {
    const { door, tls, name } = this.#options;
    if (!door.admit(arrival, address, port, tls !== undefined)) {
      socket.destroy();
      return;
    }
    if (tls === undefined) {
      this.#accepted({ socket, arrival, listener: name, certificateUser: undefined }, rest);
      return;
    }
    // Flowing without a listener it would lose what the handshake is about to look for.
    socket.pause();
    if (rest.length > 0) socket.unshift(rest);
    tls.accept(socket, arrival, (secure, certificateUser) => {
      this.#accepted({ socket: secure, arrival, listener: name, certificateUser }, NO_BYTES);
    });
  }
}

const NO_BYTES = Buffer.alloc(0);
const nothing = (): void => {};
