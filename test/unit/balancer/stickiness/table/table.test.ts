import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StickTableConfig } from '../../../../../services/balancer/stickiness/table/config.ts';
import {
  entryLine,
  tableLine,
} from '../../../../../services/balancer/stickiness/table/describe.ts';
import { OwnTable } from '../../../../../services/balancer/stickiness/table/own-table.ts';
import {
  addToRate,
  readRate,
} from '../../../../../services/balancer/stickiness/table/sliding-rate.ts';
import { Trackers } from '../../../../../services/balancer/stickiness/table/trackers.ts';

const tableOf = (more: Partial<StickTableConfig> = {}): OwnTable =>
  new OwnTable({
    name: 't',
    type: 'string',
    length: 31,
    size: 100,
    expire: undefined,
    nopurge: false,
    store: [
      { name: 'conn_cur', period: 0, elements: 1 },
      { name: 'conn_cnt', period: 0, elements: 1 },
    ],
    position: { file: 'x', line: 1, column: 1 },
    ...more,
  });

describe('memory', () => {
  test('whatever keys come, never more entries than its size, and no tracked one is lost', () => {
    let evicted = 0;
    fc.assert(
      fc.property(
        fc.array(fc.nat(400), { maxLength: 1200 }),
        fc.integer({ min: 4, max: 600 }),
        (keys, size) => {
          const table = tableOf({ size });
          const trackers = new Trackers();
          trackers.track(0, table, 'kept');
          for (const key of keys) table.get(String(key));
          expect(table.used).toBeLessThanOrEqual(size);
          expect([...table.entries()]).toHaveLength(table.used);
          expect(table.find('kept')?.users).toBe(1);
          evicted += Math.max(0, new Set(keys).size + 1 - table.used);
          trackers.close();
        },
      ),
    );
    expect(evicted).toBeGreaterThan(0);
    console.log(`${evicted} entries gave way`);
  });

  test('a table full of tracked entries takes nobody', () => {
    const table = tableOf({ size: 3 });
    const all = ['a', 'b', 'c'].map((key) => {
      const trackers = new Trackers();
      trackers.track(0, table, key);
      return trackers;
    });
    expect(new Trackers().track(0, table, 'd')).toBe(false);
    for (const trackers of all) trackers.close();
    expect(table.get('d')).toBeDefined();
    expect(table.used).toBe(3);
  });

  test('what is over is gone, and the table lets the process end', async () => {
    const table = tableOf({ expire: 20 });
    for (let i = 0; i < 50; i++) table.get(String(i));
    const tracked = new Trackers();
    tracked.track(0, table, '7');
    await expect.poll(() => table.used, { timeout: 5000 }).toBe(1);
    expect(table.find('7')).toBeDefined();
    tracked.close();
    await expect.poll(() => table.used, { timeout: 5000 }).toBe(0);
  });
});

test('connections now come back to zero however trackers end', () => {
  const table = tableOf();
  const all = Array.from({ length: 20 }, () => new Trackers());
  for (const trackers of all) {
    trackers.track(0, table, 'a');
    trackers.track(0, table, 'ignored');
    trackers.track(1, table, 'a');
  }
  expect(table.read(table.find('a')!, 'conn_cur')).toBe(40);
  for (const trackers of all) {
    trackers.close();
    trackers.close();
  }
  const entry = table.find('a')!;
  expect([table.read(entry, 'conn_cur'), table.read(entry, 'conn_cnt'), entry.users]).toEqual([
    0, 40, 0,
  ]);
});

test('a rate is what happened in this period and the covered share of the last one', () => {
  const data = new Float64Array(3);
  addToRate(data, 0, 1000, 10, 50_000);
  expect(readRate(data, 0, 1000, 50_999)).toBe(10);
  addToRate(data, 0, 1000, 6, 51_000);
  expect(readRate(data, 0, 1000, 51_250)).toBe(Math.floor(10 * 0.75 + 6));
  expect(readRate(data, 0, 1000, 52_500)).toBe(3);
  expect(readRate(data, 0, 1000, 54_000)).toBe(0);
});

test('a rate never exceeds what happened in the two periods that it looks at', () => {
  const step = fc.record({ gap: fc.nat(2500), events: fc.nat(20) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1 }), (steps) => {
      const data = new Float64Array(3);
      const seen: { at: number; events: number }[] = [];
      let now = 10_000;
      for (const { gap, events } of steps) {
        now += gap;
        addToRate(data, 0, 1000, events, now);
        seen.push({ at: now, events });
        const recent = seen
          .filter(({ at }) => at > now - 2000)
          .reduce((sum, each) => sum + each.events, 0);
        const rate = readRate(data, 0, 1000, now);
        expect(rate).toBeGreaterThanOrEqual(0);
        expect(rate).toBeLessThanOrEqual(recent);
      }
    }),
  );
});

test('shown as the runtime socket shows it', () => {
  const table = tableOf({
    type: 'ip',
    store: [
      { name: 'gpc_rate', period: 1000, elements: 2 },
      { name: 'server_key', period: 0, elements: 1 },
      { name: 'conn_rate', period: 5000, elements: 1 },
    ],
  });
  const entry = table.get('\x7f\0\0\x01')!;
  table.add(entry, 'conn_rate', 2);
  expect(tableLine(table)).toBe('# table: t, type: ip, size:100, used:1');
  expect(entryLine(table, entry)).toBe(
    'key=127.0.0.1 use=0 exp=0 conn_rate(5000)=2 server_key=- gpc0_rate(1000)=0 gpc1_rate(1000)=0',
  );
});
