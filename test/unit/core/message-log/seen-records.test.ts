import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '#core/errors.ts';
import { Cursor } from '#core/message-log/cursor.ts';
import { SeenRecords } from '#core/message-log/seen-records.ts';

const adds = fc.array(
  fc.tuple(fc.constantFrom('pi1/a', 'pi2/b'), fc.nat(2), fc.integer({ min: 1, max: 60 })),
  { maxLength: 200 },
);

test('a number is new once, and those that were leaped over stay to come', () => {
  fc.assert(
    fc.property(adds, (list) => {
      const seen = new SeenRecords();
      const model = new Set<string>();
      const first = new Map<string, number>();
      const last = new Map<string, number>();
      for (const [writer, lane, number] of list) {
        const key = `${writer} ${lane}`;
        if (!first.has(key)) first.set(key, number);
        // What came before the first that was ever heard of counts as seen.
        const isNew = number >= first.get(key)! && !model.has(`${key} ${number}`);
        expect(seen.has(writer, lane, number)).toBe(model.size > 0 && last.has(key) && !isNew);
        expect(seen.add(writer, lane, number)).toBe(isNew);
        model.add(`${key} ${number}`);
        last.set(key, Math.max(number, last.get(key) ?? 0));
        expect(seen.expected(writer, lane)).toBe(last.get(key)! + 1);
      }
      const copies = [seen.clone(), SeenRecords.decode(seen.encode())];
      for (const copy of copies) {
        for (const writer of ['pi1/a', 'pi2/b']) {
          for (let lane = 0; lane < 3; lane++) {
            expect(copy.expected(writer, lane)).toBe(seen.expected(writer, lane));
            for (let number = 1; number <= 61; number++) {
              expect(copy.has(writer, lane, number)).toBe(seen.has(writer, lane, number));
            }
          }
        }
      }
    }),
  );
});

test('what is remembered as missing is bounded', () => {
  const seen = new SeenRecords();
  for (let number = 1; number < 100_000; number += 2) seen.add('pi1/a', 0, number);
  expect(seen.encode().length).toBeLessThan(9_000);
  expect(seen.has('pi1/a', 0, 99_998)).toBe(false);
  expect(seen.has('pi1/a', 0, 2)).toBe(true);
});

test('what does not come any more counts as seen', () => {
  const seen = new SeenRecords();
  for (const number of [1, 4, 8]) seen.add('pi1/a', 0, number);
  seen.forgive('pi1/a', 0, 5);
  expect(seen.has('pi1/a', 0, 3)).toBe(true);
  expect(seen.has('pi1/a', 0, 6)).toBe(false);
  seen.forgive('pi2/b', 0, 5);
});

test('writers that are not kept are forgotten', () => {
  const seen = new SeenRecords();
  seen.add('pi1/a', 0, 5);
  seen.add('pi2/b', 1, 7);
  seen.retain((writer) => writer === 'pi2/b');
  expect([...seen.writers]).toEqual(['pi2/b']);
});

test('a cursor survives its encoding, and noise is refused', () => {
  const cursor = Cursor.start(3);
  cursor.sequences[1] = 2 ** 45;
  cursor.seen.add('pi1/a', 1, 9);
  cursor.seen.add('pi1/a', 1, 12);
  const copy = Cursor.decode(cursor.encode());
  expect(copy.equals(cursor)).toBe(true);
  expect(copy.seen.has('pi1/a', 1, 10)).toBe(false);
  expect(copy.seen.has('pi1/a', 1, 12)).toBe(true);
  copy.sequences[0] = 1;
  expect(copy.equals(cursor)).toBe(false);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (noise) => {
      try {
        Cursor.decode(Buffer.from(noise));
      } catch (error) {
        expect((error as { code: string }).code).toBe(ERROR_CODES.PROTOCOL);
      }
    }),
  );
});
