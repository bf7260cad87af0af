import { NO_BYTES } from '#core/mqtt/message.ts';
import { readVarint } from '#core/mqtt/varint.ts';
import { ProtocolFault, REASON } from './reason.ts';
import { isWellFormedUtf8 } from './utf8.ts';

/** What a server needs of a PUBLISH's properties, and those that it forwards as they are. */
export interface PublishProperties {
  /** 0 = none. */
  topicAlias: number;
  /** Seconds; -1 = none. */
  expiry: number;
  forward: Buffer;
  /** False when `forward` is not the whole property section, byte by byte. */
  verbatim: boolean;
}

const NONE: PublishProperties = Object.freeze({
  topicAlias: 0,
  expiry: -1,
  forward: NO_BYTES,
  verbatim: true,
});

const PAYLOAD_FORMAT = 0x01;
const MESSAGE_EXPIRY = 0x02;
const CONTENT_TYPE = 0x03;
const RESPONSE_TOPIC = 0x08;
const CORRELATION_DATA = 0x09;
const TOPIC_ALIAS = 0x23;
const USER_PROPERTY = 0x26;

/**
 * Reads and checks the properties of a client's PUBLISH (MQTT 5, 3.3.2.3) between `start` and `end`.
 * Throws ProtocolFault: 0x81 for what does not parse, 0x82 for an identifier that is repeated or
 * does not belong there (a Subscription Identifier from a client, [MQTT-3.3.4-6]).
 */
export function parsePublishProperties(
  bytes: Buffer,
  start: number,
  end: number,
): PublishProperties {
  if (start === end) return NONE;
  let topicAlias = 0;
  let expiry = -1;
  let seen = 0;
  const kept: Buffer[] = [];
  let keptFrom = start;
  let at = start;

  const stringEnd = (from: number): number => {
    if (from + 2 > end) throw truncated();
    const stop = from + 2 + bytes.readUInt16BE(from);
    if (stop > end) throw truncated();
    return stop;
  };
  const textEnd = (from: number): number => {
    const stop = stringEnd(from);
    if (!isWellFormedUtf8(bytes, from + 2, stop)) {
      throw new ProtocolFault(REASON.MALFORMED, 'a property is not well-formed UTF-8');
    }
    return stop;
  };
  const cut = (from: number, to: number): void => {
    if (from > keptFrom) kept.push(bytes.subarray(keptFrom, from));
    keptFrom = to;
  };

  while (at < end) {
    const from = at;
    const id = bytes[at++]!;
    if (id !== USER_PROPERTY) {
      if (id < 0x40 && (seen & bitOf(id)) !== 0) {
        throw new ProtocolFault(REASON.PROTOCOL_ERROR, `property 0x${id.toString(16)} twice`);
      }
      seen |= bitOf(id);
    }
    switch (id) {
      case PAYLOAD_FORMAT: {
        const value = bytes[at++];
        if (at > end) throw truncated();
        if (value! > 1) throw new ProtocolFault(REASON.PROTOCOL_ERROR, 'bad payload format');
        break;
      }
      case MESSAGE_EXPIRY:
        if (at + 4 > end) throw truncated();
        expiry = bytes.readUInt32BE(at);
        at += 4;
        cut(from, at);
        break;
      case TOPIC_ALIAS:
        if (at + 2 > end) throw truncated();
        topicAlias = bytes.readUInt16BE(at);
        at += 2;
        if (topicAlias === 0) throw new ProtocolFault(REASON.TOPIC_ALIAS_INVALID, 'alias 0');
        cut(from, at);
        break;
      case CONTENT_TYPE:
        at = textEnd(at);
        break;
      case RESPONSE_TOPIC: {
        const stop = textEnd(at);
        for (let i = at + 2; i < stop; i++) {
          if (bytes[i] === 0x23 || bytes[i] === 0x2b) {
            throw new ProtocolFault(REASON.PROTOCOL_ERROR, 'wildcard in a response topic');
          }
        }
        at = stop;
        break;
      }
      case CORRELATION_DATA:
        at = stringEnd(at);
        break;
      case USER_PROPERTY:
        at = textEnd(textEnd(at));
        break;
      default: {
        const length = readVarint(bytes, at, end);
        const known = id === 0x0b && length >= 0;
        throw known
          ? new ProtocolFault(REASON.PROTOCOL_ERROR, 'subscription identifier from a client')
          : new ProtocolFault(REASON.MALFORMED, `property 0x${id.toString(16)} in a PUBLISH`);
      }
    }
  }
  if (keptFrom === start) {
    const forward = bytes.subarray(start, end);
    return { topicAlias, expiry, forward, verbatim: true };
  }
  if (keptFrom < end) kept.push(bytes.subarray(keptFrom, end));
  const forward = kept.length === 1 ? kept[0]! : Buffer.concat(kept);
  return { topicAlias, expiry, forward, verbatim: false };
}

/** One bit for each identifier that a PUBLISH may carry once. */
function bitOf(id: number): number {
  return id === TOPIC_ALIAS ? 1 << 30 : id < 30 ? 1 << id : 0;
}

function truncated(): ProtocolFault {
  return new ProtocolFault(REASON.MALFORMED, 'a property runs past the end of the properties');
}
