import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { allocateScope, Scope } from '../../../../services/balancer/workers/scope.ts';

const SOURCE = new URL('../../../../services/balancer/workers/scope.ts', import.meta.url).href;

describe('what workers count together', () => {
  it('is the sum of all rows; maxima are those of the whole', () => {
    const memory = allocateScope(2);
    const [a, b] = [new Scope(memory, 0).counters, new Scope(memory, 1).counters];
    a.sessionStarted(5000);
    b.sessionStarted(5000);
    b.sessionStarted(5000);
    b.bin += 10;
    a.sessionEnded();
    a.ttime.add(10);
    for (let turn = 0; turn < 3; turn++) b.ttime.add(50);
    expect([a.scur, b.scur, a.present, b.present]).toEqual([0, 2, 2, 2]);
    const totals = a.totals(5500);
    expect([totals.smax, totals.stot, totals.bin, totals.ttime.read()]).toEqual([3, 3, 10, 40]);
    expect([totals.sessionRate.read(), totals.sessionRate.max]).toEqual([3, 3]);
  });

  it('finds who waits longest elsewhere', () => {
    const memory = allocateScope(3);
    const [a, b, c] = [0, 1, 2].map((worker) => new Scope(memory, worker).counters) as [
      Scope['counters'],
      Scope['counters'],
      Scope['counters'],
    ];
    expect(a.elder(Number.POSITIVE_INFINITY)).toBeUndefined();
    b.longestWait = 20;
    c.longestWait = 10;
    a.longestWait = 5;
    expect(a.elder(Number.POSITIVE_INFINITY)).toEqual({ row: 2, since: 10 });
    expect(a.elder(5)).toBeUndefined();
  });

  it('forgets a dead worker', () => {
    const memory = allocateScope(2);
    const [a, b] = [new Scope(memory, 0), new Scope(memory, 1)];
    for (const scope of [a, b, b]) {
      scope.take(undefined);
      scope.counters.sessionStarted();
    }
    b.counters.queued();
    a.forget(1);
    expect([a.taken, a.counters.present, a.counters.waiting]).toEqual([1, 1, 0]);
    expect(a.counters.totals().stot).toBe(3);
  });

  it('is never more places than there are, whoever takes them', { timeout: 30_000 }, async () => {
    const memory = allocateScope(3);
    const code = `
      const { workerData, parentPort } = require('node:worker_threads');
      import(${JSON.stringify(SOURCE)}).then(({ Scope }) => {
        const scope = new Scope(workerData.memory, workerData.worker);
        let most = 0;
        let taken = 0;
        for (let turn = 0; turn < 500_000; turn++) {
          if (!scope.take(1)) continue;
          taken += 1;
          most = Math.max(most, scope.taken);
          scope.give();
        }
        parentPort.postMessage({ most, taken });
      });`;
    const results = await Promise.all(
      [0, 1, 2].map(
        (worker) =>
          new Promise<{ most: number; taken: number }>((resolve, reject) => {
            const thread = new Worker(code, { eval: true, workerData: { memory, worker } });
            thread.once('message', resolve).once('error', reject);
          }),
      ),
    );
    console.log('taken', results.map(({ taken }) => taken).join(' '));
    expect(Math.max(...results.map(({ most }) => most))).toBe(1);
    expect(new Scope(memory, 0).taken).toBe(0);
  });
});
