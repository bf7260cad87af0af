import { randomUUID } from 'node:crypto';
import type { MqttVersion } from '#core/mqtt/message.ts';
import type { AuditDetails } from '../auth/audit.ts';
import { type ConnectPacket, decodeConnect, readVersion } from '../codec/connect-decode.ts';
import { encodePacket } from '../codec/packets.ts';
import { ProtocolFault, REASON, reasonName, returnCodeOf } from '../codec/reason.ts';
import { isTopicName, levelCount } from '../codec/topic.ts';
import { NEVER } from '../session/session.ts';
import { acceptance, INBOUND_ALIASES, setSessionPresent } from './connack.ts';
import type { Connection } from './connection.ts';

/** MQTT 3.1.1 servers must take 23 bytes and may take more ([MQTT-3.1.3-5]); bytes. */
const CLIENT_ID_MAX = 256;
/** Topic aliases that we use at most. */
const OUTBOUND_ALIASES = 16;
const WINDOW_MAX = 1_024;
/**
 * Longest keep alive of an MQTT 5 client, seconds ([MQTT-3.2.2-21]): one that is gone without a word
 * is noticed within a minute and a half. Who asks for none gets none.
 */
const KEEP_ALIVE_MAX = 60;

/** CONNECT (3.1): who it is, whether it may, its session, then CONNACK. */
export async function handleConnect(
  connection: Connection,
  frame: Buffer,
  body: number,
): Promise<void> {
  const { context } = connection;
  const version = readVersion(frame, body);
  if (version === undefined) {
    refuse(connection, 4, REASON.UNSUPPORTED_VERSION);
    return;
  }
  connection.version = version;
  let packet: ConnectPacket;
  try {
    packet = decodeConnect(frame, body, version);
  } catch (error) {
    const fault = error instanceof ProtocolFault ? error : undefined;
    context.counters.malformed++;
    const reason = fault?.reason ?? REASON.MALFORMED;
    refuse(connection, version, reason, { why: fault?.message ?? reasonName(reason) });
    return;
  }
  if (connection.transport.arrival.probe === true) return answerProbe(connection, version);
  const { properties } = packet;
  connection.maximumPacketSize = properties.maximumPacketSize ?? 0;
  connection.bridge = packet.bridge;
  connection.requestProblemInformation = properties.requestProblemInformation !== 0;
  if (properties.authenticationMethod !== undefined) {
    return refuse(connection, version, REASON.BAD_AUTHENTICATION_METHOD);
  }
  const cleanStart = packet.clean;
  let clientId = packet.clientId;
  if (clientId === '') {
    // [MQTT-3.1.3-8]: 3.1.1 needs a clean session for that; 3.1 needs an id in any case.
    if (version === 3 || (version === 4 && !cleanStart)) {
      return refuse(connection, version, REASON.CLIENT_ID_NOT_VALID);
    }
    clientId = `bramble-${randomUUID()}`;
  } else if (!isClientId(clientId)) {
    return refuse(connection, version, REASON.CLIENT_ID_NOT_VALID);
  }
  const { arrival, certificateUser, remoteAddress: address } = connection.transport;
  const user = certificateUser || packet.username;
  const who = { clientId, user };
  const barred = context.gate.identify(arrival, clientId, user);
  if (barred !== undefined) {
    return refuse(connection, version, barred.reason, { ...who, why: barred.why });
  }
  if (context.full) return refuse(connection, version, REASON.QUOTA_EXCEEDED, who);

  const { username, password } = packet;
  const verdict = await context.access.authenticate(username, password, certificateUser);
  if (connection.state !== 'accepting') return;
  if ('refused' in verdict) {
    const reasons = {
      credentials: version === 5 ? REASON.BAD_CREDENTIALS : REASON.NOT_AUTHORIZED,
      'not-authorized': REASON.NOT_AUTHORIZED,
      busy: REASON.SERVER_BUSY,
    };
    if (verdict.refused !== 'busy') context.gate.loginFailed(arrival);
    const why = verdict.refused;
    return refuse(connection, version, reasons[why], { ...who, why });
  }
  connection.clientId = clientId;
  connection.user = verdict.user;
  const access = context.access.listFor(verdict.user, clientId, address);
  connection.access = access;
  if (packet.will !== undefined) {
    const { will } = packet;
    const levels = levelCount(will.topic) <= context.limits.topicLevels;
    if (!isTopicName(will.topic) || !levels || !access.allows('write', will.topic)) {
      const reason = isTopicName(will.topic) ? REASON.NOT_AUTHORIZED : REASON.TOPIC_NAME_INVALID;
      const why = 'its will is not allowed';
      return refuse(connection, version, reason, { ...who, topic: will.topic, why });
    }
    connection.will = will;
  }
  if (version === 5) {
    connection.window = Math.min(properties.receiveMaximum ?? WINDOW_MAX, WINDOW_MAX);
    connection.outboundAliasMaximum = Math.min(properties.topicAliasMaximum ?? 0, OUTBOUND_ALIASES);
    connection.aliases = { maximum: INBOUND_ALIASES, topics: new Map() };
    connection.connectExpiry = properties.sessionExpiryInterval ?? 0;
  }
  const keepAlive = packet.keepalive;
  const capped = version === 5 && keepAlive > KEEP_ALIVE_MAX;
  connection.keepAlive = capped ? KEEP_ALIVE_MAX : keepAlive;
  const expiry = version === 5 ? connection.connectExpiry : cleanStart ? 0 : NEVER;
  const connack = acceptance(version, {
    packetSize: context.limits.packet,
    serverKeepAlive: capped ? KEEP_ALIVE_MAX : undefined,
    assignedClientId: packet.clientId === '' ? clientId : undefined,
  });
  // [MQTT-3.1.2-24]: a client that does not take its CONNACK cannot be served.
  const { maximumPacketSize } = connection;
  if (maximumPacketSize > 0 && connack.length > maximumPacketSize) return connection.end('fault');

  const opened = await context.sessions.open(connection, { cleanStart, expiry });
  // Another connection with this client id came while this one waited.
  if (opened === undefined || connection.state !== 'accepting') return connection.end('takeover');
  const { session, present } = opened;
  connection.session = session;
  connection.state = 'open';
  context.counters.connects++;
  // [MQTT-3.2.2-3]; MQTT 3.1 has no such flag.
  if (present && version !== 3) setSessionPresent(connack);
  connection.output.write(connack);
  session.outlet = connection;
  session.resend();
}

/**
 * The balancer's own check needs no credentials and opens no session: it hears whether this node
 * takes clients now.
 */
function answerProbe(connection: Connection, version: MqttVersion): void {
  const { context, output } = connection;
  const ready = context.unready().length === 0;
  const [reasonCode, returnCode] = ready ? [0, 0] : [REASON.SERVER_UNAVAILABLE, 3];
  const code = version === 5 ? { reasonCode } : { returnCode };
  output.write(encodePacket({ cmd: 'connack', sessionPresent: false, ...code }, version));
  connection.end('client');
}

/** CONNACK with a refusal, in the version's own codes, and the end. */
function refuse(
  connection: Connection,
  version: MqttVersion,
  reason: number,
  details: Partial<AuditDetails> = {},
): void {
  if (connection.state === 'closed') return;
  const { context, transport } = connection;
  context.counters.refused++;
  const why = reasonName(reason);
  context.audit.refuse('connect', { address: transport.remoteAddress, reason, why, ...details });
  const code = version === 5 ? reason : returnCodeOf(reason);
  if (code !== undefined) {
    const base = { cmd: 'connack' as const, sessionPresent: false };
    const packet = version === 5 ? { ...base, reasonCode: code } : { ...base, returnCode: code };
    connection.sendPacket(packet);
  }
  connection.end('fault');
}

/** Printable, of reasonable length; the id goes into logs and, escaped, into NATS subjects. */
function isClientId(clientId: string): boolean {
  if (Buffer.byteLength(clientId) > CLIENT_ID_MAX) return false;
  for (let i = 0; i < clientId.length; i++) {
    const code = clientId.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0xfffd) return false;
  }
  return true;
}
