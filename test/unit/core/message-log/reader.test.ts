import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Cursor } from '#core/message-log/cursor.ts';
import { JetStreamLogReader } from '#core/message-log/log-reader.ts';
import type { LogRecord } from '#core/message-log/log-record.ts';
import { Message } from '#core/mqtt/message.ts';

const SHARDS = 3;
const WINDOW = 8;

interface Outstanding {
  number: number;
  time: number;
  /** Some shard has it. */
  stored: boolean;
}

type Chance = (share: number) => boolean;

/** Three shards as writers leave them that do not always hear from a shard, and turn to another. */
class History {
  readonly shards: LogRecord[][] = Array.from({ length: SHARDS }, () => []);
  /** Records of each lane that were sent. */
  readonly sent = new Map<string, number>();
  copies = 0;
  #time = 1_000;
  readonly #written = new Set<string>();

  /** Runs one lane's writer on; others' run in between. */
  *lane(writer: string, lane: number, records: number, chance: Chance): Generator<void> {
    let shard = lane;
    /** The shard takes nothing more of what is sent to it. */
    let deaf = false;
    const outstanding: Outstanding[] = [];
    const send = (record: Outstanding): void => {
      deaf ||= chance(0.05);
      // Some get lost on their way to a leader that changes.
      if (deaf || chance(0.05)) return;
      record.stored = true;
      this.#commit(shard, writer, lane, record);
    };
    for (let number = 1; number <= records || outstanding.length > 0; ) {
      if (number <= records && outstanding.length < WINDOW && !chance(0.1)) {
        const record = { number, time: this.#time, stored: false };
        outstanding.push(record);
        this.sent.set(`${writer} ${lane}`, number++);
        send(record);
      } else if (deaf || chance(0.3)) {
        shard = (shard + (chance(0.5) ? 1 : 2)) % SHARDS;
        deaf = false;
        for (const record of outstanding) {
          send(record);
          yield;
        }
      }
      // Confirmed: the oldest leave.
      while (outstanding[0]?.stored === true && chance(0.6)) outstanding.shift();
      this.#time++;
      yield;
    }
  }

  #commit(
    shard: number,
    writer: string,
    lane: number,
    { number, time }: { number: number; time: number },
  ): void {
    const records = this.shards[shard]!;
    const message = new Message(`${lane}`, 1, false, Buffer.alloc(0));
    const sequence = records.length + 1;
    records.push({ shard, sequence, time, writer, lane, number, messages: [message] });
    const id = `${writer} ${lane} ${number}`;
    if (this.#written.has(id)) this.copies++;
    this.#written.add(id);
  }
}

/** Numbers from 0 to 1 (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function build(seed: number): History {
  const history = new History();
  const random = randomFrom(seed);
  const chance: Chance = (share) => random() < share;
  const running = ['pi1/a', 'pi2/b'].flatMap((writer) =>
    [0, 1, 2].map((lane) => history.lane(writer, lane, 25, chance)),
  );
  while (running.length > 0) {
    const pick = Math.floor(random() * running.length);
    if (running[pick]!.next().done === true) running.splice(pick, 1);
  }
  return history;
}

function readerOf(history: History, from: Cursor, ring: number, head: Cursor): JetStreamLogReader {
  return new JetStreamLogReader({
    from,
    head,
    source: {
      inMemory: (shard, sequence) => {
        const records = history.shards[shard]!;
        return sequence > records.length - ring ? records[sequence - 1] : undefined;
      },
      fetch: async (shard, sequence) => history.shards[shard]![sequence - 1],
      turn: (work) => work(),
    },
    holding: () => false,
    advanced: async () => {},
    bounds: async (shard) => ({ first: 1, last: history.shards[shard]!.length }),
  });
}

async function* read(reader: JetStreamLogReader): AsyncGenerator<LogRecord> {
  for (;;) {
    const found = reader.next();
    if (found === 'head') return;
    if (found === 'wait') await reader.load();
    else yield found;
  }
}

test('what had to wait for its forerunner takes its turn by its time', async () => {
  const history = new History();
  const write = (shard: number, time: number, writer: string, lane: number, number: number) => {
    const records = history.shards[shard]!;
    const messages = [new Message('t', 1, false, Buffer.alloc(0))];
    records.push({ shard, sequence: records.length + 1, time, writer, lane, number, messages });
  };
  // pi1 goes back to shard 0, while pi2 writes on to shard 1 until its client goes over to pi1.
  write(1, 10, 'pi1/a', 0, 1);
  for (let i = 0; i < 20; i++) {
    write(0, 20 + 10 * i, 'pi1/a', 0, 2 + i);
    write(1, 15 + 10 * i, 'pi2/b', 0, 1 + i);
  }
  const head = Cursor.start(SHARDS);
  for (const [shard, records] of history.shards.entries()) head.sequences[shard] = records.length;
  const reader = readerOf(history, Cursor.start(SHARDS), 0, head);
  const times: number[] = [];
  for await (const { time } of read(reader)) times.push(time);
  expect(times).toHaveLength(41);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

test('every record comes once and in the order of its lane, also over a cursor in between', async () => {
  let copies = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.nat(20), fc.nat(150), async (seed, ring, split) => {
      const history = build(seed);
      copies += history.copies;
      const head = Cursor.start(SHARDS);
      for (const [shard, records] of history.shards.entries()) {
        head.sequences[shard] = records.length;
      }
      const last = new Map<string, number>();
      const take = ({ writer, lane, number }: LogRecord): void => {
        const key = `${writer} ${lane}`;
        expect(number).toBe((last.get(key) ?? 0) + 1);
        last.set(key, number);
      };
      const first = readerOf(history, Cursor.start(SHARDS), ring, head);
      let count = 0;
      for await (const record of read(first)) {
        take(record);
        if (++count === split) break;
      }
      const kept = Cursor.decode(first.cursor.encode());
      for await (const record of read(readerOf(history, kept, ring, head))) take(record);
      expect(last).toEqual(history.sent);
    }),
    { numRuns: 300 },
  );
  console.log(`${copies} second copies in 300 histories`);
  expect(copies).toBeGreaterThan(100);
});

test('nothing is read that this node has not handed over', async () => {
  const history = build(1);
  const head = Cursor.start(SHARDS);
  const reader = readerOf(history, Cursor.start(SHARDS), 0, head);
  expect(reader.next()).toBe('head');
  head.sequences[1] = 4;
  const found: LogRecord[] = [];
  for await (const record of read(reader)) found.push(record);
  expect(found.every(({ shard, sequence }) => shard === 1 && sequence <= 4)).toBe(true);
  expect(reader.cursor.sequences).toEqual([0, 4, 0]);
});

test('records that retention has removed are counted, not waited for', async () => {
  const history = build(1);
  const head = Cursor.start(SHARDS);
  for (const [shard, records] of history.shards.entries()) head.sequences[shard] = records.length;
  const gone = history.shards.map((records) => Math.floor(records.length / 2));
  gone[2] = history.shards[2]!.length;
  const source = {
    inMemory: () => undefined,
    fetch: async (shard: number, sequence: number) =>
      history.shards[shard]![Math.max(sequence, gone[shard]! + 1) - 1],
    turn: <T>(work: () => Promise<T>) => work(),
  };
  const reader = new JetStreamLogReader({
    from: Cursor.start(SHARDS),
    head,
    source,
    holding: () => false,
    advanced: async () => {},
    bounds: async (shard) => ({ first: gone[shard]! + 1, last: history.shards[shard]!.length }),
  });
  for await (const record of read(reader)) {
    expect(record.sequence).toBeGreaterThan(gone[record.shard]!);
  }
  expect(reader.lost).toBe(gone.reduce((sum, count) => sum + count));
});

test('a reader that has seen more than this node does not count as caught up', () => {
  const history = build(1);
  const head = Cursor.start(SHARDS);
  head.seen.add('pi1/a', 0, 3);
  const from = head.clone();
  from.seen.add('pi1/a', 0, 4);
  const reader = readerOf(history, from, 0, head);
  expect(reader.next()).toBe('wait');
  head.seen.add('pi1/a', 0, 4);
  expect(reader.next()).toBe('head');
});
