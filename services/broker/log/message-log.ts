import type { Cursor } from '#core/message-log/cursor.ts';
import type { LogReader } from '#core/message-log/log-record.ts';
import type { LogPosition } from '#core/message-log/position.ts';
import type { Message } from '#core/mqtt/message.ts';

/** Whoever waits for a message to be durable. Called once, on a later turn or at once. */
export interface Receipt {
  /**
   * Without an error: a quorum has it, at `position`. With one (BRAMBLE_ENGINE_UNAVAILABLE): it is
   * not known to be durable and must not be acknowledged; it may still appear in the log.
   * Must not throw: those that share a record are settled one after the other.
   */
  settle(error: Error | undefined, position: LogPosition | undefined): void;
}

/**
 * The cluster's log of QoS 1 and 2 publications (DESIGN, "Broker"). What is acknowledged is in it;
 * every node reads all of it, in the same order per topic, and a session is a cursor into it.
 */
export interface MessageLog {
  readonly shards: number;
  /** Everything before it has been handed to `onMessage` on this node. Changes as the node reads. */
  readonly head: Cursor;
  /** Whether slow readers hold publishers back: a log in memory has no room for their delay. */
  readonly holdsBack: boolean;
  /** Bytes appended and not settled; publishers wait while it is above what their owner allows. */
  readonly pendingBytes: number;
  /** Numbers the message's place and makes it durable. Keeps the message's bytes until settled. */
  append(message: Message, receipt: Receipt): void;
  /**
   * Takes a cursor that was stored at `savedAt` (milliseconds since the epoch) back to where the log
   * still agrees with it: a power cut may have taken the end of a shard that the cursor had passed,
   * and what was written since stands in the same places.
   */
  rewind(cursor: Cursor, savedAt: number): Promise<void>;
  /** Reads on from a cursor, at its own pace. The reader owns a copy of the cursor. */
  reader(from: Cursor): LogReader;
  /**
   * Resolves when everything that was acknowledged anywhere until now has been handed to
   * `onMessage` here, or that cannot be learnt within a moment; undefined: it has.
   */
  caughtUp(): Promise<unknown> | undefined;
  /** One message again; undefined when the log does not reach back so far any more. */
  fetch(position: LogPosition): Promise<Message | undefined>;
}
