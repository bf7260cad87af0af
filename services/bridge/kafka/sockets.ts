import net from 'node:net';
import tls from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

const KEEP_ALIVE = 30_000;

/** The sockets of one client, which can be cut all at once. */
export class Sockets {
  readonly #open = new Set<net.Socket>();

  readonly factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    const name = net.isIP(host) === 0 ? { servername: host } : {};
    const socket =
      ssl === undefined || ssl === null
        ? net.connect({ host, port }, onConnect)
        : tls.connect({ host, port, ...name, ...(ssl as tls.ConnectionOptions) }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE);
    socket.setNoDelay(true);
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  };

  /** With RST: the kernel forgets what it has not sent. */
  sever(): void {
    for (const socket of this.#open) {
      // kafkajs hears of errors and of the peer's end, not of a socket that was destroyed.
      socket.emit('error', new Error('cut off by the bridge'));
      if (socket instanceof tls.TLSSocket) socket.destroy();
      else socket.resetAndDestroy();
    }
    this.#open.clear();
  }
}
