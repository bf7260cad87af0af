import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TopicNames } from '../../../services/broker/codec/topic-names.ts';

const of = (names: TopicNames, text: string) => {
  const bytes = Buffer.from(`<<${text}>>`);
  return names.of(bytes, 2, bytes.length - 2);
};

test('a name that comes again is the same one, whatever stood in its slot meanwhile', () => {
  const names = new TopicNames();
  const first = of(names, 'home/kitchen/temperature');
  expect(of(names, 'home/kitchen/temperature')).toBe(first);
  expect(first).toMatchObject({ text: 'home/kitchen/temperature', levels: 3 });
  // More of them than there are slots: each is still its own.
  for (let i = 0; i < 20_000; i++) expect(of(names, `t/${i}`).text).toBe(`t/${i}`);
  expect(of(names, 'home/kitchen/temperature')).toEqual(first);
});

test('any text is read as it is, twice', () => {
  const names = new TopicNames();
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 400 })), (texts) => {
      for (const text of [...texts, ...texts]) {
        if (/[+#\0]/.test(text) || !text.isWellFormed()) continue;
        const name = of(names, text);
        expect(name.text).toBe(text);
        expect(name.bytes.toString()).toBe(text);
        expect(name.levels).toBe(text.split('/').length);
      }
    }),
    { numRuns: 200 },
  );
});

test('what is no Topic Name is refused, after a good one with the same length too', () => {
  const names = new TopicNames();
  of(names, 'a/b');
  expect(() => of(names, 'a/+')).toThrow('wildcard');
  expect(() => of(names, '#')).toThrow('wildcard');
  expect(() => of(names, 'a\0b')).toThrow('UTF-8');
  expect(() => names.of(Buffer.from([0xc3, 0x28, 0x41]), 0, 3)).toThrow('UTF-8');
});

test('bytes of the frame are not kept', () => {
  const names = new TopicNames();
  const frame = Buffer.from('a/b');
  const name = names.of(frame, 0, 3);
  frame.fill(0x7a);
  expect(name.bytes.toString()).toBe('a/b');
  expect(of(names, 'a/b')).toBe(name);
});
