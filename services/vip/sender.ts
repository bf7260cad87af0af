import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import type { Service } from '#core/lifecycle.ts';
import { listenError } from '#core/listen.ts';

export interface SenderOptions {
  address: string;
  port: number;
  /** Where the others listen, at the same port. */
  peers: readonly string[];
  heard: (datagram: Buffer) => void;
}

/** The UDP socket of the heartbeats. What cannot be sent now is not sent: the next one follows. */
export class Sender implements Service {
  readonly #options: SenderOptions;
  #socket: Socket | undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Throws PORT_IN_USE or LISTEN_REFUSED. */
  async start(): Promise<void> {
    const { address, port, heard } = this.#options;
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    socket.bind(port, address);
    try {
      await once(socket, 'listening');
    } catch (error) {
      throw listenError(error, address, port, 'heartbeats');
    }
    // An unreachable neighbour is reported here, too.
    socket.on('error', () => undefined);
    socket.on('message', heard);
    this.#socket = socket;
  }

  send(datagram: Buffer): void {
    const { peers, port } = this.#options;
    for (const peer of peers) this.#socket?.send(datagram, port, peer, () => undefined);
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#socket = undefined;
    await new Promise<void>((resolve) => socket.close(resolve));
  }
}
