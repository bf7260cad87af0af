import { expect, test } from 'vitest';
import { Cursor } from '#core/message-log/cursor.ts';
import { JetStreamLogReader } from '#core/message-log/log-reader.ts';
import type { LogRecord } from '#core/message-log/log-record.ts';
import { PROBE } from '#core/message-log/order.ts';
import { Message } from '#core/mqtt/message.ts';
import { Pump } from '../../../services/bridge/outbound/pump.ts';
import { createLog } from '../../../services/core/log.ts';

const WRITER = 'pi1/a';

/** One shard, as a writer leaves it that did not hear from it and tried whether it works. */
class Shard {
  readonly records: LogRecord[] = [];
  readonly head = Cursor.start(1);
  readonly #waiting: (() => void)[] = [];

  write(number: number): void {
    const sequence = this.records.length + 1;
    const messages = number === PROBE ? [] : [new Message('t', 1, false, Buffer.alloc(0))];
    const record = { shard: 0, sequence, time: sequence, writer: WRITER, lane: 0, number };
    this.records.push({ ...record, messages });
    this.head.sequences[0] = sequence;
    if (number !== PROBE) this.head.seen.add(WRITER, 0, number);
    for (const go of this.#waiting.splice(0)) go();
  }

  reader(from: Cursor): JetStreamLogReader {
    return new JetStreamLogReader({
      from,
      head: this.head,
      source: {
        inMemory: (_, sequence) => this.records[sequence - 1],
        fetch: async (_, sequence) => this.records[sequence - 1],
        turn: (work) => work(),
      },
      holding: () => false,
      advanced: () => this.advanced(),
      bounds: async () => ({ first: 1, last: this.records.length }),
    });
  }

  advanced(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

test.each([
  ['a probe', PROBE],
  ['a copy', 1],
])('the place moves over %s at the end of the log', async (_, last) => {
  const shard = new Shard();
  const abort = new AbortController();
  const reached: number[] = [];
  const marks: { pending: number }[] = [];
  const pump = new Pump({
    consumer: shard,
    from: Cursor.start(1),
    translator: { translate: () => ({ topic: 't', record: {} }) } as never,
    delivery: {
      relief: () => undefined,
      offer: (_topic: string, _record: unknown, mark: { pending: number }) => {
        mark.pending++;
        marks.push(mark);
      },
    } as never,
    rate: undefined,
    paused: () => false,
    onReached: ({ sequences }) => reached.push(sequences[0]!),
    log: createLog({ service: 'test', level: 'silent' }),
    signal: abort.signal,
  });
  shard.write(1);
  const running = pump.run();
  await new Promise((go) => setImmediate(go));
  shard.write(last);
  await new Promise((go) => setImmediate(go));
  // What stands before it is not in Kafka yet.
  expect(reached).toEqual([]);
  for (const mark of marks) pump.settle(mark);
  expect(reached).toEqual([2]);
  shard.write(PROBE);
  await new Promise((go) => setImmediate(go));
  expect(reached).toEqual([2, 3]);
  abort.abort();
  shard.write(2);
  await running;
});
