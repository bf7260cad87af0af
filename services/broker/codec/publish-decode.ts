import { clusterTime } from '#core/cluster-time.ts';
import { Message, type MqttVersion, NO_BYTES, type Qos } from '#core/mqtt/message.ts';
import { readVarint } from '#core/mqtt/varint.ts';
import { parsePublishProperties } from './publish-properties.ts';
import { ProtocolFault, REASON } from './reason.ts';
import { type TopicName, TopicNames } from './topic-names.ts';

/** A PUBLISH as it came from a client. */
export interface Publication {
  message: Message;
  /** 0 for QoS 0. */
  packetId: number;
  dup: boolean;
  /** Levels of its topic. */
  levels: number;
}

/** What a topic alias stands for on one connection (MQTT 5, 3.3.2.3.4). */
export interface AliasTable {
  readonly maximum: number;
  readonly topics: Map<number, TopicName>;
}

const names = new TopicNames();

/** MQTT 5, 3.3.2.3.3: no larger than this many seconds. */
const EXPIRY_MAX = 0xffff_ffff;

/**
 * Reads a whole PUBLISH frame whose body starts at `body`. The message's bytes are views of `frame`.
 * Throws ProtocolFault.
 */
export function decodePublish(
  frame: Buffer,
  body: number,
  version: MqttVersion,
  aliases: AliasTable | undefined,
): Publication {
  const flags = frame[0]!;
  const qos = ((flags >> 1) & 3) as Qos | 3;
  if (qos === 3) throw new ProtocolFault(REASON.MALFORMED, '[MQTT-3.3.1-4] both QoS bits set');
  const dup = (flags & 8) !== 0;
  // [MQTT-3.3.1-2]
  if (dup && qos === 0) throw new ProtocolFault(REASON.MALFORMED, 'DUP with QoS 0');
  const end = frame.length;
  if (body + 2 > end) throw short();
  const topicStart = body + 2;
  const topicEnd = topicStart + ((frame[body]! << 8) | frame[body + 1]!);
  let at = topicEnd;
  if (at > end) throw short();
  let packetId = 0;
  let idOffset = 0;
  if (qos > 0) {
    if (at + 2 > end) throw short();
    idOffset = at;
    packetId = (frame[at]! << 8) | frame[at + 1]!;
    at += 2;
    // [MQTT-2.2.1-3]
    if (packetId === 0) throw new ProtocolFault(REASON.PROTOCOL_ERROR, 'packet identifier 0');
  }
  let name = names.of(frame, topicStart, topicEnd);
  let properties = NO_BYTES;
  let expiresAt = 0;
  let verbatim = true;
  if (version === 5) {
    const length = readVarint(frame, at, end);
    if (length < 0) throw short();
    at += length & 7;
    const propertiesEnd = at + (length >>> 3);
    if (propertiesEnd > end) throw short();
    const parsed = parsePublishProperties(frame, at, propertiesEnd);
    at = propertiesEnd;
    properties = parsed.forward;
    verbatim = parsed.verbatim;
    if (parsed.expiry >= 0 && parsed.expiry <= EXPIRY_MAX) {
      expiresAt = clusterTime.now() + Math.max(parsed.expiry, 0.001) * 1000;
    }
    name = resolveAlias(name, parsed.topicAlias, aliases);
  }
  const { text, levels } = name;
  if (text.length === 0) throw new ProtocolFault(REASON.PROTOCOL_ERROR, 'empty topic');
  const retain = (flags & 1) !== 0;
  const message = new Message(text, qos, retain, frame, properties, expiresAt, at);
  message.topicBytes = name.bytes;
  if (verbatim && !retain && !dup) {
    message.adoptFrame({ bytes: frame, idOffset }, version === 5);
  }
  return { message, packetId, dup, levels };
}

function resolveAlias(name: TopicName, alias: number, aliases: AliasTable | undefined): TopicName {
  if (alias === 0) return name;
  // [MQTT-3.3.2-9]
  if (aliases === undefined || alias > aliases.maximum) {
    throw new ProtocolFault(REASON.TOPIC_ALIAS_INVALID, `topic alias ${alias}`);
  }
  if (name.text !== '') {
    aliases.topics.set(alias, name);
    return name;
  }
  const known = aliases.topics.get(alias);
  if (known === undefined) {
    throw new ProtocolFault(REASON.PROTOCOL_ERROR, `topic alias ${alias} stands for nothing yet`);
  }
  return known;
}

function short(): ProtocolFault {
  return new ProtocolFault(REASON.MALFORMED, 'the PUBLISH ends too early');
}
