import type { Connection } from './connection.ts';

interface Pending {
  send: (() => void) | undefined;
}

/** Acknowledgements that may wait before the client is not read any further. */
const WAITING_MAX = 1_024;

/**
 * Keeps PUBACKs and PUBRECs in the order of their PUBLISHes ([MQTT-4.6.0-2], -3) while some wait
 * for their message to be durable.
 */
export class AckQueue {
  readonly #connection: Connection;
  readonly #pending: Pending[] = [];

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Sends at once, or after those before it. */
  now(send: () => void): void {
    if (this.#pending.length === 0) send();
    else this.#pending.push({ send });
  }

  /** Sends once `durable` has settled: `send` when it resolved, `refuse` when it rejected. */
  after(durable: Promise<void>, send: () => void, refuse: (error: unknown) => void): void {
    const pending: Pending = { send: undefined };
    this.#pending.push(pending);
    const settled = durable.then(
      () => this.#settle(pending, send),
      (error: unknown) => this.#settle(pending, () => refuse(error)),
    );
    if (this.#pending.length >= WAITING_MAX) this.#connection.hold(settled);
  }

  #settle(pending: Pending, send: () => void): void {
    pending.send = send;
    while (this.#pending[0]?.send !== undefined) {
      const first = this.#pending.shift()!;
      if (this.#connection.state === 'open') first.send!();
    }
  }
}
