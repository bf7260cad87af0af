/** What a node has counted since its process started; gauges are asked for where they live. */
export interface Counters {
  connects: number;
  refused: number;
  takeovers: number;
  messagesIn: number;
  messagesOut: number;
  bytesIn: number;
  bytesOut: number;
  /** Messages dropped because their subscriber did not read, or may not hold more. */
  dropped: number;
  /** Publishes refused by access rules or limits. */
  denied: number;
  /** Connections ended for breaking the protocol. */
  malformed: number;
}

export function createCounters(): Counters {
  return {
    connects: 0,
    refused: 0,
    takeovers: 0,
    messagesIn: 0,
    messagesOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    dropped: 0,
    denied: 0,
    malformed: 0,
  };
}
