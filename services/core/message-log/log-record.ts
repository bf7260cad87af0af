import type { Message } from '../mqtt/message.ts';
import type { Cursor } from './cursor.ts';

/** One append of a writer, as it is read: the publications of about a millisecond. */
export interface LogRecord {
  readonly shard: number;
  readonly sequence: number;
  /** By the writer's hybrid clock, milliseconds since the epoch; never goes back within a writer. */
  readonly time: number;
  /** A broker process: its node and incarnation. */
  readonly writer: string;
  /** The writer's lane (the topic's own shard) and the record's number there, from 1 without gaps. */
  readonly lane: number;
  readonly number: number;
  /** What its messages take in memory, bytes, roughly; undefined: they have to be asked. */
  readonly size?: number;
  /** Each with its `position` set. Their bytes are views of the record's. */
  readonly messages: readonly Message[];
}

/** What a reader finds: a record, that it has read everything that this node knows, or not yet. */
export type ReadResult = LogRecord | 'head' | 'wait';

/** Reads the log again from an earlier point: a session that was away or is slow. */
export interface LogReader {
  /** Everything before it has been read; `next` moves it. */
  readonly cursor: Cursor;
  /**
   * The next record, each once (second copies are skipped), and moves the cursor behind it;
   * `head`: the cursor equals the log's head now, within this turn; `wait`: call `load` first.
   */
  next(): ReadResult;
  /** Resolves when `next` has something; rejects when the log cannot be read now. */
  load(): Promise<void>;
  /** Records that retention had removed before they were read; for the drop counters. */
  readonly lost: number;
}
