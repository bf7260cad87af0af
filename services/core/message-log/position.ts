/** Where a message stands in the log: the record `sequence` of a shard, `index` within the record. */
export interface LogPosition {
  shard: number;
  /** JetStream's sequence in the shard's stream; from 1. */
  sequence: number;
  /** The message's place in its record; from 0. */
  index: number;
}
