import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A TCP server of a test; its port stays the same over `stop` and `start`. */
export class Peer {
  readonly name: string;
  readonly sockets = new Set<net.Socket>();
  /** Connections accepted so far. */
  accepted = 0;
  #port = 0;
  readonly #serve: (socket: net.Socket, name: string) => void;
  #server: net.Server | undefined;

  constructor(name: string, serve: (socket: net.Socket, name: string) => void) {
    this.name = name;
    this.#serve = serve;
  }

  get port(): number {
    return this.#port;
  }

  async start(): Promise<this> {
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      this.accepted += 1;
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.sockets.delete(socket));
      this.#serve(socket, this.name);
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as net.AddressInfo).port;
    this.#server = server;
    return this;
  }

  /** Goes away as a killed process does: nothing listens, every connection is cut. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    for (const socket of this.sockets) socket.resetAndDestroy();
    server.close();
    await once(server, 'close');
  }
}

/** Says its name when spoken to, then ends when the client does. */
export const nameOnData = (socket: net.Socket, name: string): void => {
  socket.on('data', () => socket.write(`${name}\n`));
  socket.on('end', () => socket.end());
};

/** Sends back what comes, and FIN for FIN. */
export const echo = (socket: net.Socket): void => {
  socket.pipe(socket);
};

/** A client's connection, with all that it received. */
export class Client {
  readonly socket: net.Socket;
  received = Buffer.alloc(0);
  error: string | undefined;
  readonly closed: Promise<void>;

  constructor(port: number) {
    this.socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message;
    });
    this.socket.on('data', (data: Buffer) => {
      this.received = Buffer.concat([this.received, data]);
    });
  }

  send(text: string): this {
    this.socket.write(text);
    return this;
  }

  /** What has come once `bytes` are there, the server has ended, or the limit has passed. */
  async answer(bytes = 1, limit = 10_000): Promise<string> {
    const end = Date.now() + limit;
    while (
      this.received.length < bytes &&
      !this.socket.readableEnded &&
      !this.socket.destroyed &&
      Date.now() < end
    ) {
      await sleep(2);
    }
    return this.received.toString().trim();
  }

  /** Closes in good order and waits for the other side to do so. */
  async leave(): Promise<void> {
    this.socket.end();
    await this.closed;
  }
}

/** Waits until `probe` is true. */
export async function until(probe: () => boolean, what: string, limit = 15_000): Promise<void> {
  for (const end = Date.now() + limit; !probe(); await sleep(5)) {
    if (Date.now() > end) throw new Error(`in vain: ${what}`);
  }
}
