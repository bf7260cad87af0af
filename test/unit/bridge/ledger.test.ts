import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Ledger, type Mark } from '../../../services/bridge/delivery/ledger.ts';

test('the place moves only over what is delivered without a gap', () => {
  const reached: number[] = [];
  const ledger = new Ledger<number>((value) => reached.push(value));
  const first = ledger.open();
  first.pending = 2;
  ledger.close(1);
  const second = ledger.open();
  second.pending = 1;
  ledger.close(2);
  ledger.settle(second);
  expect(reached).toEqual([]);
  ledger.settle(first);
  expect(reached).toEqual([]);
  ledger.settle(first);
  expect(reached).toEqual([2]);
});

test('in whatever order things are delivered, nothing before the place is missing', () => {
  const sizes = fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(sizes, fc.infiniteStream(fc.nat()), (counts, order) => {
      let place = -1;
      const ledger = new Ledger<number>((value) => {
        expect(value).toBeGreaterThan(place);
        place = value;
      });
      const open: { mark: Mark; index: number }[] = [];
      const left = counts.slice();
      const check = (): void => {
        for (let i = 0; i <= place; i++) expect(left[i]).toBe(0);
      };
      for (const [index, count] of counts.entries()) {
        const mark = ledger.open();
        mark.pending += count;
        for (let i = 0; i < count; i++) open.push({ mark, index });
        ledger.close(index);
        if (open.length > 0 && order.next().value % 2 === 0) {
          const [one] = open.splice(order.next().value % open.length, 1);
          left[one!.index]!--;
          ledger.settle(one!.mark);
        }
        check();
      }
      while (open.length > 0) {
        const [one] = open.splice(order.next().value % open.length, 1);
        left[one!.index]!--;
        ledger.settle(one!.mark);
        check();
      }
      expect(place).toBe(counts.length - 1);
      expect(ledger.size).toBe(0);
    }),
    { numRuns: 300 },
  );
});
