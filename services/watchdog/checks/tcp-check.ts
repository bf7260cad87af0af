import net from 'node:net';
import tls from 'node:tls';
import type { Check } from './check.ts';

export interface Address {
  host: string;
  port: number;
  /** Speaks TLS. Whose certificate it shows is of no interest: nothing secret is said. */
  tls?: boolean;
}

/** Layer 4: something accepts connections there. */
export class TcpCheck implements Check {
  readonly name: string;
  readonly #address: Address;

  constructor(address: Address) {
    this.#address = address;
    this.name = `TCP at ${address.host}:${address.port}`;
  }

  run(signal: AbortSignal): Promise<void> {
    return exchange(this.#address, signal, undefined, () => true);
  }
}

/**
 * Connects, sends, and resolves with the first answer that is `good`; without anything to send the
 * connection alone will do. Rejects with why not.
 */
export function exchange(
  { host, port, tls: secure = false }: Address,
  signal: AbortSignal,
  sent: Buffer | undefined,
  good: (answer: Buffer) => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = secure
      ? tls.connect({ host, port, rejectUnauthorized: false })
      : net.connect({ host, port });
    const end = (error?: Error): void => {
      signal.removeEventListener('abort', abort);
      // What it closes, or sends, after this is of no interest.
      socket.on('error', () => undefined);
      socket.destroy();
      if (error === undefined) resolve();
      else reject(error);
    };
    const abort = (): void => end(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) return abort();
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      if (sent === undefined) end();
      else socket.write(sent);
    });
    socket.once('data', (answer) => {
      end(good(answer) ? undefined : new Error('answers with something else'));
    });
    socket.once('error', end);
    socket.once('close', () => end(new Error('closes the connection')));
  });
}
