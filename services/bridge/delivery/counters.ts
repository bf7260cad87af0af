/** What one mapping did since its bridge started. */
export interface DeliveryCounters {
  /** Records that Kafka has, and their bytes. */
  delivered: number;
  bytes: number;
  /** Batches sent, and sent again as they were. */
  batches: number;
  retries: number;
  /** Times that a producer lost its identity: copies are possible there, and only there. */
  renewals: number;
  /** Records in the dead-letter topic. */
  deadLetters: number;
  /** Records that not even the dead-letter topic took. */
  refused: number;
  /** QoS 0 messages that the buffer had no room for. */
  dropped: number;
}

export function createDeliveryCounters(): DeliveryCounters {
  return {
    delivered: 0,
    bytes: 0,
    batches: 0,
    retries: 0,
    renewals: 0,
    deadLetters: 0,
    refused: 0,
    dropped: 0,
  };
}
