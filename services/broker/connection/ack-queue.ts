import { Queue } from '../session/queue.ts';
import type { Connection } from './connection.ts';
import { RECEIVE_MAXIMUM } from './receive-quota.ts';

/** One acknowledgement in its place; `send` is called when it is ready and its turn has come. */
export interface PendingAck {
  ready: boolean;
  send(): void;
}

/**
 * Acknowledgements that may wait before the client is not read any further, and until when. MQTT 5
 * has a limit of its own for those of PUBLISH, which is not to be hidden by reading later.
 */
const WAITING_MAX = 1_024;
const WAITING_MAX_5 = 2 * RECEIVE_MAXIMUM;
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
    else this.wait({ ready: true, send });
  }

  /** Takes its place; `settled` is to be called once it is ready. */
  wait(ack: PendingAck): void {
    this.#pending.push(ack);
    const most = this.#connection.version === 5 ? WAITING_MAX_5 : WAITING_MAX;
    if (this.#pending.length < most || this.#relieve !== undefined) return;
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
