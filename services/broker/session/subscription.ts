import type { Qos } from '#core/mqtt/message.ts';

/** One subscription of a session (MQTT 5, 3.8.3.1). */
export interface Subscription {
  /** As the client wrote it, `$share/…` included. */
  filter: string;
  qos: Qos;
  noLocal: boolean;
  retainAsPublished: boolean;
  retainHandling: 0 | 1 | 2;
  /** Subscription identifier; 0 = none. */
  id: number;
  /**
   * By shard of the log, for a session that was behind when it subscribed: what stands up to there
   * was published before and is not for this subscription.
   */
  since?: readonly number[] | undefined;
}
