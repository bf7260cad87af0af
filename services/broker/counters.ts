/** What a node has counted since its process started; gauges are asked for where they live. */
export interface Counters {
  /** Connections that reached MQTT. */
  accepted: number;
  connects: number;
  refused: number;
  takeovers: number;
  /** Packets of any kind. */
  packetsIn: number;
  packetsOut: number;
  messagesIn: number;
  messagesOut: number;
  bytesIn: number;
  bytesOut: number;
  /** Bytes of payloads from and to clients. */
  payloadBytesIn: number;
  payloadBytesOut: number;
  /** All bytes to connections that have ended. */
  endedBytesOut: number;
  /** Sessions that ended because their clients stayed away. */
  expired: number;
  /** Messages dropped because their subscriber did not read, or may not hold more. */
  dropped: number;
  /** Publishes refused by access rules or limits. */
  denied: number;
  /** Connections ended for breaking the protocol. */
  malformed: number;
}

export function createCounters(): Counters {
  return {
    accepted: 0,
    connects: 0,
    refused: 0,
    takeovers: 0,
    packetsIn: 0,
    packetsOut: 0,
    messagesIn: 0,
    messagesOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    payloadBytesIn: 0,
    payloadBytesOut: 0,
    endedBytesOut: 0,
    expired: 0,
    dropped: 0,
    denied: 0,
    malformed: 0,
  };
}
