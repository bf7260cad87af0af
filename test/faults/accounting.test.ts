import { describe, expect, test } from 'vitest';
import { audit, type TakenBy } from '../support/accounting.ts';

const topic = (name: string, qos: 1 | 2, made: number, acknowledged = made) => ({
  topic: name,
  qos,
  made,
  acknowledged: new Set(Array.from({ length: acknowledged }, (_, i) => i)),
});
const taker = (numbers: number[], qos: 0 | 1 | 2 = 2, complete = true): TakenBy => ({
  subscriber: 's',
  qos,
  taken: new Map([['t', numbers]]),
  complete,
});

describe('the books find', () => {
  test('nothing when all is well', () => {
    const books = audit([topic('t', 2, 4)], [taker([0, 1, 2, 3]), taker([0, 1, 2, 3], 1)]);
    expect(books).toMatchObject({
      published: 4,
      acknowledged: 4,
      received: 8,
      repeated: 0,
      doubled: 0,
      lost: 0,
      disordered: 0,
      invented: 0,
      examples: [],
    });
  });

  test('what is lost, but not what was never acknowledged or need not come', () => {
    expect(audit([topic('t', 1, 4, 3)], [taker([0, 2])]).lost).toBe(1);
    expect(audit([topic('t', 1, 4, 3)], [taker([0, 1, 2])]).lost).toBe(0);
    expect(audit([topic('t', 1, 4)], [taker([3], 1, false)]).lost).toBe(0);
    expect(audit([topic('t', 1, 4), topic('u', 1, 2)], [taker([0, 1, 2, 3])]).lost).toBe(2);
  });

  test('repetitions, which are a fault only where both sides said QoS 2', () => {
    const twice = [0, 1, 1, 0];
    expect(audit([topic('t', 2, 2)], [taker(twice)])).toMatchObject({ doubled: 2, repeated: 0 });
    expect(audit([topic('t', 2, 2)], [taker(twice, 1)])).toMatchObject({ doubled: 0, repeated: 2 });
    expect(audit([topic('t', 1, 2)], [taker(twice)])).toMatchObject({ doubled: 0, repeated: 2 });
  });

  test('a first reception after a later message, but not a repetition of an earlier one', () => {
    expect(audit([topic('t', 1, 4)], [taker([0, 2, 1, 3], 1)]).disordered).toBe(1);
    expect(audit([topic('t', 1, 4)], [taker([0, 1, 0, 1, 2, 3], 1)]).disordered).toBe(0);
  });

  test('what nobody published', () => {
    expect(audit([topic('t', 1, 2)], [taker([0, 1, 2, Number.NaN], 1)]).invented).toBe(2);
  });
});
