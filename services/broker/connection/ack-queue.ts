import { Queue } from '../session/queue.ts';
import type { Connection } from './connection.ts';

/** One acknowledgement in its place; `send` is called when it is ready and its turn has come. */
export interface PendingAck {
  ready: boolean;
  send(): void;
}

/** Acknowledgements that may wait before the client is not read any further, and until when. */
const WAITING_MAX = 1_024;
const WAITING_FEW = 512;

/**
 * Keeps PUBACKs and PUBRECs in the order of their PUBLISHes ([MQTT-4.6.0-2], -3) while some wait
 * for their message to be durable.
 */
export class AckQueue {
  readonly #connection: Connection;
  readonly #pending = new Queue<PendingAck>();
  #relieve: (() => void) | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Sends at once, or after those before it. */
  now(send: () => void): void {
    if (this.#pending.length === 0) send();
    else this.#pending.push({ ready: true, send });
  }

  /** Takes its place; `settled` is to be called once it is ready. */
  wait(ack: PendingAck): void {
    this.#pending.push(ack);
    if (this.#pending.length < WAITING_MAX || this.#relieve !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#relieve = resolve;
    this.#connection.hold(promise);
  }

  settled(): void {
    const pending = this.#pending;
    while (pending.peek()?.ready === true) {
      const first = pending.shift()!;
      if (this.#connection.state === 'open') first.send();
    }
    if (this.#relieve === undefined || pending.length > WAITING_FEW) return;
    this.#relieve();
    this.#relieve = undefined;
  }
}
