import { decodePublish } from '../codec/publish-decode.ts';
import { ProtocolFault, REASON } from '../codec/reason.ts';
import { levelCount } from '../codec/topic.ts';
import type { Connection } from './connection.ts';

const PUBACK = 0x40;
const PUBREC = 0x50;
const PUBREL = 0x62;
const PUBCOMP = 0x70;
/** QoS 2 identifiers of one client that may wait for PUBREL: what CONNACK announces. */
export const RECEIVE_MAXIMUM = 1_024;

/** A PUBLISH from a client (3.3). */
export function handlePublish(connection: Connection, frame: Buffer, body: number): void {
  const { context, version, acks } = connection;
  const { counters, limits } = context;
  const { message, packetId } = decodePublish(frame, body, version, connection.aliases);
  const { qos, topic } = message;
  counters.messagesIn++;
  const session = connection.session!;
  if (qos === 2) {
    // [MQTT-4.3.3-10]: the same identifier is the same message until PUBREL.
    if (session.received.has(packetId)) {
      acks.now(() => sendAck(connection, PUBREC, packetId, REASON.SUCCESS));
      return;
    }
    if (session.received.size >= RECEIVE_MAXIMUM) {
      throw new ProtocolFault(REASON.RECEIVE_MAXIMUM_EXCEEDED, 'too many QoS 2 in flight');
    }
  }
  const first = qos === 1 ? PUBACK : PUBREC;
  const refuse = (reason: number, why: string): void => {
    counters.denied++;
    if (isPowerOfTen(++connection.refusals)) {
      const { clientId, refusals } = connection;
      context.log.info({ clientId, topic, reason, refusals }, `publish refused: ${why}`);
    }
    // A 3.1.1 client cannot be told: the message is acknowledged and goes nowhere (3.3.5.2).
    const code = version === 5 ? reason : REASON.SUCCESS;
    if (qos === 2 && code < 0x80) session.received.add(packetId);
    if (qos > 0) acks.now(() => sendAck(connection, first, packetId, code));
  };
  if (levelCount(topic) > limits.topicLevels) {
    throw new ProtocolFault(REASON.TOPIC_NAME_INVALID, `more than ${limits.topicLevels} levels`);
  }
  if (!connection.access!.allows('write', topic)) {
    refuse(REASON.NOT_AUTHORIZED, 'not authorized');
    return;
  }
  if (message.retain && !context.retained.admits(message)) {
    refuse(REASON.QUOTA_EXCEEDED, 'too many retained messages');
    return;
  }
  message.publisher = connection.clientId;
  if (qos === 2) session.received.add(packetId);
  const durable = context.accept(message);
  const relief = context.pressure.take();
  if (relief !== undefined) connection.hold(relief);
  if (qos === 0) {
    durable?.catch(() => {});
    return;
  }
  const acknowledge = (): void => sendAck(connection, first, packetId, REASON.SUCCESS);
  if (durable === undefined) {
    acks.now(acknowledge);
    return;
  }
  acks.after(durable, acknowledge, (error) => {
    // Not durable, so not acknowledged: 3.1.1 knows nothing else, MQTT 5 has a reason code.
    session.received.delete(packetId);
    context.log.warn({ err: error, clientId: connection.clientId, topic }, 'publish not stored');
    if (version === 5) sendAck(connection, first, packetId, REASON.IMPLEMENTATION_SPECIFIC);
    else connection.end('kicked');
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
      if (session!.release(packetId)) sendAck(connection, PUBREL, packetId, REASON.SUCCESS);
      else sendAck(connection, PUBREL, packetId, REASON.PACKET_ID_NOT_FOUND);
      return;
    case 6: {
      const known = session!.received.delete(packetId);
      const code = known ? REASON.SUCCESS : REASON.PACKET_ID_NOT_FOUND;
      connection.acks.now(() => sendAck(connection, PUBCOMP, packetId, code));
    }
  }
}

/** A client that is refused at full speed leaves seven lines for ten million refusals. */
function isPowerOfTen(count: number): boolean {
  return Number.isInteger(Math.log10(count));
}

function sendAck(connection: Connection, first: number, packetId: number, reason: number): void {
  if (connection.version !== 5 || reason === REASON.SUCCESS) {
    connection.output.writeAck(first, packetId);
    return;
  }
  const bytes = Buffer.from([first, 3, packetId >>> 8, packetId & 0xff, reason]);
  connection.output.write(bytes);
}
