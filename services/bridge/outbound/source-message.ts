import type { PublishedProperties } from './properties.ts';

/** A publication as mappings to Kafka see it, from the log or, at QoS 0, from the brokers. */
export interface SourceMessage {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly payload: Buffer;
  /** Bytes as they stand in the log (see `readProperties`), or what they say. */
  readonly properties: Buffer | PublishedProperties;
  /** Client id of its publisher; '' where that is not known. */
  readonly publisher: string;
  /** Node that took it from its publisher; '' where that is not known. */
  readonly origin: string;
  /** Its number there, which tells copies from others; 0 where it has none. */
  readonly sequence: number;
  readonly position: { shard: number; sequence: number; index: number } | undefined;
}
