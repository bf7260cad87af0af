import type { MqttVersion } from '#core/mqtt/message.ts';
import { encodePacket } from '../codec/packets.ts';
import { REASON } from '../codec/reason.ts';
import { RECEIVE_MAXIMUM } from './receive-quota.ts';

const CONNACK = 0x20;

/** Topic aliases that a client may use (MQTT 5, 3.2.2.3.8). */
export const INBOUND_ALIASES = 64;

export interface AcceptanceTerms {
  /** Largest packet that a client may send, bytes. */
  packetSize: number;
  /** Seconds; undefined = what the client asked for. */
  serverKeepAlive: number | undefined;
  /** Client id of a client that brought none. */
  assignedClientId: string | undefined;
}

/** CONNACK with success, and in MQTT 5 with what holds from here on; session present is not set. */
export function acceptance(version: MqttVersion, terms: AcceptanceTerms): Buffer {
  const { packetSize, serverKeepAlive, assignedClientId } = terms;
  if (version !== 5) {
    return Buffer.from([CONNACK, 2, 0, 0]);
  }
  const properties = {
    receiveMaximum: RECEIVE_MAXIMUM,
    maximumPacketSize: packetSize,
    topicAliasMaximum: INBOUND_ALIASES,
    ...(serverKeepAlive === undefined ? {} : { serverKeepAlive }),
    ...(assignedClientId === undefined ? {} : { assignedClientIdentifier: assignedClientId }),
  };
  const reasonCode = REASON.SUCCESS;
  return encodePacket({ cmd: 'connack', sessionPresent: false, reasonCode, properties }, version);
}

/** Its flags stand behind a remaining length of one byte: an acceptance is shorter than 128. */
export function setSessionPresent(connack: Buffer): void {
  connack[2] = 1;
}
