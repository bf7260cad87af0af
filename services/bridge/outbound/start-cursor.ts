import type { BridgeState } from '#core/contracts/bridge.ts';
import type { LogConsumer } from '#core/message-log/consumer.ts';
import { Cursor } from '#core/message-log/cursor.ts';

export interface StartOptions {
  consumer: Pick<LogConsumer, 'head' | 'rewind' | 'shard'>;
  stored: Pick<BridgeState, 'cursor' | 'savedAt'> | undefined;
  start: 'latest' | 'earliest';
}

/** Where a mapping goes on, or begins. Rejects with BRAMBLE_ENGINE_UNAVAILABLE. */
export async function startCursor(options: StartOptions): Promise<Cursor> {
  const { consumer, stored, start } = options;
  if (stored !== undefined && stored.cursor !== '') {
    const cursor = Cursor.decode(Buffer.from(stored.cursor, 'base64'));
    await consumer.rewind(cursor, stored.savedAt);
    return cursor;
  }
  if (start === 'latest') return consumer.head.clone();
  const cursor = Cursor.start(consumer.head.sequences.length);
  for (const shard of cursor.sequences.keys()) {
    cursor.sequences[shard] = (await consumer.shard(shard)).first - 1;
  }
  return cursor;
}
