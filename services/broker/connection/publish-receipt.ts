import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import type { LogPosition } from '#core/message-log/position.ts';
import type { Message } from '#core/mqtt/message.ts';
import { REASON } from '../codec/reason.ts';
import type { Receipt } from '../log/message-log.ts';
import type { Session } from '../session/session.ts';
import { PUBACK, PUBREC, sendAck } from './ack.ts';
import type { PendingAck } from './ack-queue.ts';
import type { Connection } from './connection.ts';

/** A QoS 1 or 2 publication on its way into the log: PUBACK or PUBREC leaves when it is there. */
export class PublishReceipt implements Receipt, PendingAck {
  ready = false;
  readonly #connection: Connection;
  readonly #message: Message;
  readonly #packetId: number;
  readonly #session: Session;
  #error: Error | undefined;
  #queued = false;

  constructor(connection: Connection, message: Message, packetId: number) {
    this.#connection = connection;
    this.#message = message;
    this.#packetId = packetId;
    this.#session = connection.session!;
    if (message.qos !== 2) return;
    message.publisherEpoch = this.#session.epoch;
    this.#session.incoming.begun();
  }

  /** After the append: what is not settled yet takes its place in the queue. */
  enqueue(): void {
    this.#queued = true;
    if (this.ready) this.#connection.acks.now(() => this.send());
    else this.#connection.acks.wait(this);
  }

  settle(error: Error | undefined, position: LogPosition | undefined): void {
    this.ready = true;
    this.#error = error;
    if (this.#message.qos === 2) this.#session.incoming.settled(this.#packetId, position);
    if (this.#queued) this.#connection.acks.settled();
  }

  send(): void {
    const connection = this.#connection;
    const { qos, topic } = this.#message;
    const first = qos === 1 ? PUBACK : PUBREC;
    if (this.#error === undefined) {
      sendAck(connection, first, this.#packetId, REASON.SUCCESS);
      return;
    }
    const { context, clientId, user, version, transport } = connection;
    const full = this.#error instanceof BrambleError && this.#error.code === ERROR_CODES.STORAGE;
    const reason = full ? REASON.QUOTA_EXCEEDED : REASON.IMPLEMENTATION_SPECIFIC;
    const address = transport.remoteAddress;
    const why = `not stored: ${describeError(this.#error)}`;
    context.audit.refuse('publish', { clientId, user, address, topic, reason, why });
    // Not durable, so not acknowledged: 3.1.1 knows nothing else, MQTT 5 has a reason code.
    if (version === 5) sendAck(connection, first, this.#packetId, reason);
    else connection.end('kicked');
  }
}
