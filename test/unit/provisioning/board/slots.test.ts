import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { configTxt } from '../../../../image/build/boot-files.ts';
import {
  setSlotState,
  slotState,
  startFrom,
  startingSlot,
} from '../../../../provisioning/board/slots.ts';

/** Each file is flushed to the disk, and a busy disk takes seconds for it. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

let firmware = '';
beforeEach(() => {
  firmware = mkdtempSync(path.join(MEMORY, 'bramble-slots-'));
  mkdirSync(path.join(firmware, 'a'));
});
afterEach(() => rmSync(firmware, { recursive: true }));

test("the image's own config.txt starts slot a, and another slot by one byte", () => {
  const file = path.join(firmware, 'config.txt');
  const before = configTxt('a');
  writeFileSync(file, before);
  const { ino } = statSync(file);
  startFrom(firmware, 'b');
  const after = readFileSync(file, 'utf8');
  expect(after).toBe(configTxt('b'));
  const differences = [...before].filter((letter, index) => after[index] !== letter);
  expect(differences).toEqual(['a']);
  // In place: a FAT knows no rename that is there or not.
  expect(statSync(file).ino).toBe(ino);
});

test('of several lines the last one counts, as for the firmware, and words around it do not', () => {
  expect(startingSlot('os_prefix=a/\r\nxyz=ü\nos_prefix=b/ \n#os_prefix=a/\n')).toEqual({
    slot: 'b',
    offset: Buffer.byteLength('os_prefix=a/\r\nxyz=ü\nos_prefix='),
  });
  expect(startingSlot('os_prefix=c/\n')).toBeUndefined();
  writeFileSync(path.join(firmware, 'config.txt'), 'arm_64bit=1\n');
  expect(() => startFrom(firmware, 'b')).toThrow(
    expect.objectContaining({ code: 'BRAMBLE_STORAGE' }),
  );
});

test('whatever stands around the line, flipping it twice gives the same file', () => {
  const line = fc.stringMatching(/^[a-z_#=/ü]{0,20}$/);
  fc.assert(
    fc.property(fc.array(line), fc.array(line), (above, below) => {
      const text = [...above, 'os_prefix=a/', ...below].join('\n');
      fc.pre(startingSlot(text)?.slot === 'a');
      const file = path.join(firmware, 'config.txt');
      writeFileSync(file, text);
      startFrom(firmware, 'b');
      expect(startingSlot(readFileSync(file, 'utf8'))?.slot).toBe('b');
      startFrom(firmware, 'a');
      expect(readFileSync(file, 'utf8')).toBe(text);
    }),
  );
});

test('a state is five bytes in one place, and what is none counts as none', () => {
  expect(slotState(firmware, 'a')).toBeUndefined();
  for (const state of ['void', 'try0', 'bad', 'good'] as const) {
    setSlotState(firmware, 'a', state);
    expect(slotState(firmware, 'a')).toBe(state);
    expect(readFileSync(path.join(firmware, 'a/state'))).toHaveLength(5);
  }
  writeFileSync(path.join(firmware, 'a/state'), 'perhaps\n');
  expect(slotState(firmware, 'a')).toBeUndefined();
});
