import { expect, test } from 'vitest';
import { Live } from '../../../services/stats/page/live.ts';

function table(rows: Record<string, number>, heading = 'Brokers'): Live {
  const live = new Live();
  live.block('section', 'brokers', {}, () => [
    heading,
    Object.entries(rows).map(([name, value]) => live.cell('td', `${name}-in`, {}, value)),
  ]);
  live.block('section', 'other', {}, () => live.cell('p', 'clock', {}, 'now'));
  return live;
}

test('nothing changed, nothing sent', () => {
  expect(table({ a: 1, b: 2 }).since(table({ a: 1, b: 2 }))).toEqual({});
});

test('a changed cell is sent alone', () => {
  expect(table({ a: 1, b: 3 }).since(table({ a: 1, b: 2 }))).toEqual({
    'b-in': '<td id="b-in">3</td>',
  });
});

test('a row that comes or goes sends its block whole, and not its cells besides', () => {
  const changed = table({ a: 9, b: 2, c: 3 }).since(table({ a: 1, b: 2 }));
  expect(Object.keys(changed)).toEqual(['brokers']);
  expect(changed.brokers).toContain('<td id="c-in">3</td>');
  expect(Object.keys(table({ a: 1 }).since(table({ a: 1, b: 2 })))).toEqual(['brokers']);
});

test('everything is the blocks', () => {
  expect(Object.keys(table({ a: 1 }).all())).toEqual(['brokers', 'other']);
});
