import { clusterTime } from '#core/cluster-time.ts';
import { Message, NO_BYTES, type Qos } from '#core/mqtt/message.ts';
import type { PacketReader } from './packet-reader.ts';
import { readProperties } from './properties.ts';
import { ProtocolFault, REASON } from './reason.ts';

/** A will as it waits: its expiry begins when it is published (MQTT 5, 3.1.3.2.4). */
export interface Will {
  topic: string;
  qos: Qos;
  retain: boolean;
  payload: Buffer;
  properties: Buffer;
  /** Seconds; undefined = none. */
  expiry: number | undefined;
  /** Will delay interval, seconds. */
  delay: number;
}

const MESSAGE_EXPIRY = 0x02;
const WILL_DELAY = 0x18;

/** Reads will properties, topic and payload out of a CONNECT (3.1.3). Throws ProtocolFault. */
export function readWill(reader: PacketReader, v5: boolean, qos: Qos, retain: boolean): Will {
  let expiry: number | undefined;
  let delay = 0;
  let properties = NO_BYTES;
  if (v5) {
    // As bytes, so that user properties keep their order ([MQTT-3.1.3-10]).
    const kept: Buffer[] = [];
    const read = readProperties(reader, 'will', (id, from, to) => {
      if (id !== MESSAGE_EXPIRY && id !== WILL_DELAY) kept.push(reader.bytes.subarray(from, to));
    });
    // [MQTT-3.3.2-14]
    if (read.responseTopic !== undefined && /[+#]/.test(read.responseTopic)) {
      throw new ProtocolFault(REASON.PROTOCOL_ERROR, 'wildcard in a response topic');
    }
    if (kept.length > 0) properties = Buffer.concat(kept);
    expiry = read.messageExpiry;
    delay = read.willDelay ?? 0;
  }
  const topic = reader.text();
  return { topic, qos, retain, payload: reader.binary(), properties, expiry, delay };
}

export function willMessage(will: Will): Message {
  // An expiry of 0 has passed for whoever is not there at that moment.
  const life = will.expiry === undefined ? undefined : Math.max(will.expiry * 1000, 1);
  const expiresAt = life === undefined ? 0 : clusterTime.now() + life;
  return new Message(will.topic, will.qos, will.retain, will.payload, will.properties, expiresAt);
}
