import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Output } from './output.ts';

/** Datagrams that may wait in the process at a time. */
const MAX_QUEUED = 4096;

/** Syslog over UDP (RFC 5426): a datagram a line, and nobody says whether it arrived. */
export class UdpOutput implements Output {
  readonly #host: string;
  readonly #port: number;
  readonly #socket: Socket;
  #dropped = 0;
  #closed = false;

  /** `address` is `host:port` or `[host]:port`, the host an IP address. */
  constructor(address: string) {
    const colon = address.lastIndexOf(':');
    this.#host = address.slice(0, colon).replace(/^\[|\]$/g, '');
    this.#port = Number(address.slice(colon + 1));
    this.#socket = createSocket({
      type: isIPv6(this.#host) ? 'udp6' : 'udp4',
      // The address is numeric: no thread needs to look it up for each datagram.
      lookup: (host, _options, done) => done(null, host, isIPv6(host) ? 6 : 4),
    });
    this.#socket.on('error', () => undefined);
    this.#socket.unref();
  }

  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    if (this.#closed || this.#socket.getSendQueueCount() >= MAX_QUEUED) {
      this.#dropped++;
      return;
    }
    this.#socket.send(Buffer.from(line, 'latin1'), this.#port, this.#host, this.#sent);
  }

  readonly #sent = (error: Error | null): void => {
    if (error) this.#dropped++;
  };

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // Sends of this turn are still on their way to the socket.
    await new Promise((resolve) => setImmediate(resolve));
    this.#socket.close();
  }
}
