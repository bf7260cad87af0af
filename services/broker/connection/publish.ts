import { decodePublish, type Publication } from '../codec/publish-decode.ts';
import { ProtocolFault, REASON } from '../codec/reason.ts';
import { PUBACK, PUBCOMP, PUBREC, PUBREL, sendAck } from './ack.ts';
import type { PendingAck } from './ack-queue.ts';
import type { Connection } from './connection.ts';
import { PublishReceipt } from './publish-receipt.ts';
import { RECEIVE_MAXIMUM } from './receive-quota.ts';

/** Flag of the first byte: the packet was sent before (3.3.1.1). */
const DUP = 0x08;
/** QoS 2 identifiers that wait for PUBREL, with those of the session's earlier connections. */
const RECEIVED_MAX = 2 * RECEIVE_MAXIMUM;

/** A PUBLISH from a client (3.3). */
export function handlePublish(connection: Connection, frame: Buffer, body: number): void {
  const { context, version, acks } = connection;
  const { counters, limits } = context;
  const publication = decodePublish(frame, body, version, connection.aliases);
  const { message, packetId } = publication;
  const { qos, topic } = message;
  counters.messagesIn++;
  counters.payloadBytesIn += message.payloadLength;
  const session = connection.session!;
  if (qos === 2) {
    if ((frame[0]! & DUP) === 0) session.incoming.unmarked(packetId, message);
    // [MQTT-4.3.3-10]: the same identifier is the same message until PUBREL.
    if (session.incoming.received.has(packetId)) {
      // Behind the acknowledgement of the first one, which may still fail.
      acks.now(() => {
        if (!session.incoming.received.has(packetId)) return;
        sendAck(connection, PUBREC, packetId, REASON.SUCCESS);
      });
      return;
    }
    if (session.incoming.received.size >= RECEIVED_MAX) {
      throw new ProtocolFault(REASON.RECEIVE_MAXIMUM_EXCEEDED, 'too many QoS 2 in flight');
    }
  }
  // 3.3.4: more than the Receive Maximum without an acknowledgement; 3.1.1 has no such limit.
  if (qos > 0 && version === 5 && !connection.receiveQuota.take()) {
    const why = `more than ${RECEIVE_MAXIMUM} publishes without an acknowledgement`;
    throw new ProtocolFault(REASON.RECEIVE_MAXIMUM_EXCEEDED, why);
  }
  if (publication.levels > limits.topicLevels) {
    throw new ProtocolFault(REASON.TOPIC_NAME_INVALID, `more than ${limits.topicLevels} levels`);
  }
  if (!connection.access!.allows('write', topic)) {
    refuse(connection, publication, REASON.NOT_AUTHORIZED, 'not authorized');
    return;
  }
  if (message.retain && !context.retained.admits(message)) {
    refuse(connection, publication, REASON.QUOTA_EXCEEDED, 'too many retained messages');
    return;
  }
  message.publisher = connection.clientId;
  if (qos === 0) {
    context.accept(message, undefined);
  } else {
    if (qos === 2) {
      message.packetId = packetId;
      session.incoming.receiving.add(packetId);
      session.incoming.received.set(packetId, undefined);
      if (!session.exactlyOnce) beginExactlyOnce(connection);
    }
    const receipt = new PublishReceipt(connection, message, packetId);
    context.accept(message, receipt);
    receipt.enqueue();
  }
  const relief = context.pressure.take() ?? context.logRelief();
  if (relief !== undefined) connection.hold(relief);
}

/** Answers a PUBLISH that goes nowhere. */
function refuse(
  connection: Connection,
  { message, packetId }: Publication,
  reason: number,
  why: string,
): void {
  const { context, version, session, acks } = connection;
  const { qos, topic } = message;
  context.counters.denied++;
  connection.refusals++;
  if (reason !== REASON.NOT_AUTHORIZED) {
    // Who judges by the rules has told of those itself.
    const { clientId, user, transport } = connection;
    const address = transport.remoteAddress;
    context.audit.refuse('publish', { clientId, user, address, topic, reason, why });
  }
  // A 3.1.1 client cannot be told: the message is acknowledged and goes nowhere (3.3.5.2).
  const code = version === 5 ? reason : REASON.SUCCESS;
  if (qos === 2 && code < 0x80) session!.incoming.received.set(packetId, undefined);
  const first = qos === 1 ? PUBACK : PUBREC;
  if (qos > 0) acks.now(() => sendAck(connection, first, packetId, code));
}

/** Notes that the client publishes with QoS 2; its first PUBREC waits until that is saved. */
function beginExactlyOnce({ session, acks }: Connection): void {
  session!.exactlyOnce = true;
  if (session!.journal === undefined) return;
  const noted: PendingAck = { ready: false, send: () => {} };
  acks.wait(noted);
  session!.journal.urgent(() => {
    noted.ready = true;
    acks.settled();
  });
}

/** PUBACK, PUBREC, PUBREL, PUBCOMP from a client (3.4 to 3.7). */
export function handleAcknowledgement(connection: Connection, frame: Buffer, body: number): void {
  const { version, session } = connection;
  const type = frame[0]! >> 4;
  const flags = frame[0]! & 0x0f;
  const length = frame.length - body;
  if (flags !== (type === 6 ? 2 : 0) || length < 2 || (version !== 5 && length !== 2)) {
    throw new ProtocolFault(REASON.MALFORMED, `malformed acknowledgement ${type}`);
  }
  const packetId = (frame[body]! << 8) | frame[body + 1]!;
  if (packetId === 0) throw new ProtocolFault(REASON.PROTOCOL_ERROR, 'packet identifier 0');
  const reason = version === 5 && length > 2 ? frame[body + 2]! : 0;
  switch (type) {
    case 4:
    case 7:
      session!.acknowledge(packetId);
      return;
    case 5:
      if (reason >= 0x80) {
        session!.acknowledge(packetId);
        return;
      }
      if (
        !session!.release(packetId, () => sendAck(connection, PUBREL, packetId, REASON.SUCCESS))
      ) {
        sendAck(connection, PUBREL, packetId, REASON.PACKET_ID_NOT_FOUND);
      }
      return;
    case 6: {
      const known = session!.incoming.received.has(packetId);
      const code = known ? REASON.SUCCESS : REASON.PACKET_ID_NOT_FOUND;
      session!.receivedRelease(packetId, () => {
        connection.acks.now(() => sendAck(connection, PUBCOMP, packetId, code));
      });
    }
  }
}
