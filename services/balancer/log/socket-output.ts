import { Socket } from 'node:net';
import { CLOSE_PATIENCE, MAX_BUFFERED, type Output } from './output.ts';

/** One a descriptor for as long as the process lives: to close it would close the descriptor. */
const sockets = new Map<number, Socket>();

function socketOf(descriptor: number): Socket {
  const known = sockets.get(descriptor);
  if (known) return known;
  const socket = new Socket({ fd: descriptor, readable: false, writable: true });
  // Whoever writes finds it destroyed.
  socket.on('error', () => undefined);
  socket.unref();
  sockets.set(descriptor, socket);
  return socket;
}

/** A stream socket that was handed to us as a descriptor, as systemd and supervisors do. */
export class SocketOutput implements Output {
  readonly #socket: Socket;
  #pending: string[] = [];
  #size = 0;
  #scheduled = false;
  #dropped = 0;
  #closed = false;

  constructor(descriptor: number) {
    this.#socket = socketOf(descriptor);
  }

  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    const waiting = this.#size + this.#socket.writableLength;
    if (this.#closed || this.#socket.destroyed || waiting + line.length > MAX_BUFFERED) {
      this.#dropped++;
      return;
    }
    this.#pending.push(line);
    this.#size += line.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    const text = this.#pending.join('');
    this.#pending = [];
    this.#size = 0;
    if (text !== '' && !this.#socket.destroyed) this.#socket.write(text, 'latin1');
  };

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    if (this.#socket.writableLength === 0 || this.#socket.destroyed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const overdue = setTimeout(resolve, CLOSE_PATIENCE);
    this.#socket.once('drain', resolve).once('close', resolve);
    await promise;
    this.#socket.off('drain', resolve).off('close', resolve);
    clearTimeout(overdue);
  }
}
