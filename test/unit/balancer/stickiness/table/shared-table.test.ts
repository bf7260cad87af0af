import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StickTableConfig } from '../../../../../services/balancer/stickiness/table/config.ts';
import { Layout } from '../../../../../services/balancer/stickiness/table/layout.ts';
import { OwnTable } from '../../../../../services/balancer/stickiness/table/own-table.ts';
import { allocateTable } from '../../../../../services/balancer/stickiness/table/shared-memory.ts';
import { SharedTable } from '../../../../../services/balancer/stickiness/table/shared-table.ts';
import { Trackers } from '../../../../../services/balancer/stickiness/table/trackers.ts';

const position = { file: 'test.cfg', line: 1, column: 1 };
const config = (over: Partial<StickTableConfig> = {}): StickTableConfig => ({
  name: 't',
  type: 'string',
  length: 16,
  size: 100,
  expire: undefined,
  nopurge: false,
  store: [
    { name: 'conn_cur', period: 0, elements: 1 },
    { name: 'conn_cnt', period: 0, elements: 1 },
    { name: 'http_req_rate', period: 10_000, elements: 1 },
    { name: 'server_key', period: 0, elements: 1 },
  ],
  position,
  ...over,
});

function views(shape: StickTableConfig, workers = 2): SharedTable[] {
  const memory = allocateTable(shape, new Layout(shape.store).width, workers);
  return Array.from({ length: workers }, (_, worker) => new SharedTable(shape, memory, worker));
}

describe('a table that workers share', () => {
  it('shows each what any has counted', () => {
    const [a, b] = views(config()) as [SharedTable, SharedTable];
    const entry = a.get('key')!;
    a.add(entry, 'conn_cnt', 3);
    entry.serverKey = 'säule';
    const same = b.find('key')!;
    b.add(same, 'conn_cnt', 4);
    b.add(same, 'http_req_rate', 2);
    expect([a.read(entry, 'conn_cnt'), a.read(entry, 'http_req_rate'), same.serverKey]).toEqual([
      7,
      2,
      'säule',
    ]);
    expect([a.used, b.used]).toEqual([1, 1]);
  });

  it('keeps what either worker tracks, and gives back what a dead one tracked', () => {
    const [a, b] = views(config({ size: 2 })) as [SharedTable, SharedTable];
    const trackers = new Trackers();
    trackers.track(0, b, 'held');
    a.get('x');
    a.get('y');
    expect(a.find('held')?.users).toBe(1);
    expect(a.read(a.find('held')!, 'conn_cur')).toBe(1);
    a.forget(1);
    expect([a.find('held')?.users, a.read(a.find('held')!, 'conn_cur')]).toEqual([0, 0]);
  });

  it('does nothing to an entry that is gone', () => {
    const [a, b] = views(config()) as [SharedTable, SharedTable];
    const old = a.get('old')!;
    b.delete(b.find('old')!);
    const next = b.get('next')!;
    a.add(old, 'conn_cnt', 5);
    a.touch(old);
    old.serverKey = 'wrong';
    expect([b.read(next, 'conn_cnt'), next.serverKey, old.users]).toEqual([0, '', 0]);
  });

  it('begins anew when a worker has died with the lock', () => {
    const shape = config();
    const memory = allocateTable(shape, new Layout(shape.store).width, 2);
    const table = new SharedTable(shape, memory, 0);
    table.get('key');
    Atomics.store(new Int32Array(memory.ints), 0, 2);
    table.forget(1);
    expect(table.used).toBe(0);
    expect(table.get('key')).toBeDefined();
  });

  it('does what the table of one worker does', () => {
    const key = fc.integer({ min: 0, max: 12 }).map((n) => `k${n}`);
    const step = fc.record({
      what: fc.constantFrom('get', 'touch', 'delete', 'add', 'set', 'track', 'close'),
      key,
      by: fc.integer({ min: 0, max: 1 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const shape = config({ size: 6 });
        const shared = views(shape);
        const own = new OwnTable(shape);
        const held: [Trackers, Trackers][] = [];
        for (const { what, key, by } of steps) {
          const table = shared[by]!;
          const pair = [table.find(key), own.find(key)] as const;
          if (what === 'get') expect(table.get(key) === undefined).toBe(own.get(key) === undefined);
          else if (what === 'track' && held.length < 5) {
            const trackers: [Trackers, Trackers] = [new Trackers(), new Trackers()];
            trackers[0].track(0, table, key);
            trackers[1].track(0, own, key);
            held.push(trackers);
          } else if (what === 'close') for (const one of held.shift() ?? []) one.close();
          else if (pair[0] && pair[1]) {
            if (what === 'touch') table.touch(pair[0]);
            if (what === 'touch') own.touch(pair[1]);
            if (what === 'add') table.add(pair[0], 'conn_cnt', 1);
            if (what === 'add') own.add(pair[1], 'conn_cnt', 1);
            if (what === 'delete' && pair[1].users === 0) {
              table.delete(pair[0]);
              own.delete(pair[1]);
            }
          }
          const seen = [...shared[1 - by]!.entries()].map((one) => [
            one.key,
            one.users,
            table.read(one, 'conn_cnt'),
            table.read(one, 'conn_cur'),
          ]);
          const expected = [...own.entries()].map((one) => [
            one.key,
            one.users,
            own.read(one, 'conn_cnt'),
            own.read(one, 'conn_cur'),
          ]);
          expect(seen).toEqual(expected);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('says so when it is too large to be shared', () => {
    const shape = config({ size: 2_000_000_000 });
    expect(() => allocateTable(shape, new Layout(shape.store).width, 2)).toThrow(
      'stick-table t: so many entries cannot be shared by workers',
    );
  });

  it('loses no count when workers write at once', async () => {
    const shape = config({ size: 50 });
    const memory = allocateTable(shape, new Layout(shape.store).width, 3);
    const source = new URL(
      '../../../../../services/balancer/stickiness/table/shared-table.ts',
      import.meta.url,
    );
    const code = `
      const { workerData } = require('node:worker_threads');
      import(${JSON.stringify(source.href)}).then(({ SharedTable }) => {
        const table = new SharedTable(workerData.shape, workerData.memory, workerData.worker);
        for (let turn = 0; turn < 20_000; turn++) {
          const entry = table.get('k' + (turn % 40));
          table.add(entry, 'conn_cnt', 1);
          table.touch(entry);
        }
      });`;
    const done = [1, 2].map(async (worker) => {
      const thread = new Worker(code, { eval: true, workerData: { shape, memory, worker } });
      await new Promise<void>((resolve, reject) => {
        thread.once('error', reject);
        thread.once('exit', () => resolve());
      });
    });
    await Promise.all(done);
    const table = new SharedTable(shape, memory, 0);
    const sum = table.entries().reduce((all, one) => all + table.read(one, 'conn_cnt')!, 0);
    expect([table.used, sum]).toEqual([40, 40_000]);
  }, 30_000);
});
