import type { BridgeLag } from '#core/contracts/bridge.ts';
import type { LogConsumer } from '#core/message-log/consumer.ts';
import type { Cursor } from '#core/message-log/cursor.ts';

/**
 * How far a mapping is behind the log. Messages and bytes are estimates, by the average of what
 * each shard holds. Rejects when the log does not answer.
 */
export async function measureLag(
  consumer: Pick<LogConsumer, 'shard' | 'timeOf'>,
  reached: Cursor,
  messagesPerRecord: number,
): Promise<BridgeLag> {
  const lag: BridgeLag = { messages: 0, bytes: 0, seconds: 0, retention: 0 };
  for (const [shard, sequence] of reached.sequences.entries()) {
    const { last, messages, bytes, maxBytes, maxAge } = await consumer.shard(shard);
    const records = Math.max(0, last - sequence);
    if (records === 0) continue;
    const behind = messages === 0 ? 0 : (bytes / messages) * Math.min(records, messages);
    lag.messages += Math.round(records * messagesPerRecord);
    lag.bytes += Math.round(behind);
    const time = await consumer.timeOf(shard, sequence + 1);
    const age = time === undefined ? 0 : Math.max(0, Date.now() - time);
    lag.seconds = Math.max(lag.seconds, age / 1000);
    const byBytes = maxBytes > 0 ? behind / maxBytes : 0;
    const byAge = maxAge > 0 ? age / maxAge : 0;
    lag.retention = Math.max(lag.retention, byBytes, byAge);
  }
  return lag;
}
