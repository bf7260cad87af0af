import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DataDir, guard, writePrivate } from '../../../../provisioning/dev/data-dir.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'bramble-data-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

test('is closed to others', () => {
  const data = new DataDir(path.join(dir, 'a', 'b'));
  data.prepare();
  data.prepare();
  expect(statSync(data.root).mode & 0o777).toBe(0o700);
  expect(readdirSync(data.root).sort()).toEqual(['logs', 'rendered']);
});

test('where it cannot be, that is told in words', () => {
  writeFileSync(path.join(dir, 'file'), '');
  for (const place of ['file', 'file/below', '/proc/below', '/proc/below/it']) {
    const data = new DataDir(path.resolve(dir, place));
    expect(() => data.prepare()).toThrow(expect.objectContaining({ code: 'BRAMBLE_STORAGE' }));
  }
});

test.each([
  ['ENOSPC', 'the disk is full'],
  ['EACCES', 'permission denied'],
  ['EROFS', 'read-only'],
])('%s is "%s"', (code, words) => {
  const refuse = () => {
    throw Object.assign(new Error(code), { code });
  };
  expect(() => guard('/x/y', refuse)).toThrow(new RegExp(`cannot write /x/y: .*${words}`));
});

test('a file that cannot be replaced is left as it was, and no draft stays', () => {
  const file = path.join(dir, 'x');
  writePrivate(file, 'first');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  writePrivate(file, 'second');
  expect(readFileSync(file, 'utf8')).toBe('second');
  expect(() => writePrivate(path.join(dir, 'no', 'x'), '')).toThrow(/cannot write/);
  expect(readdirSync(dir)).toEqual(['x']);
});

test('each number of nodes has stores of its own', () => {
  const data = new DataDir(dir);
  expect(data.store(1, 1)).not.toBe(data.store(2, 1));
  expect(data.store(2, 1)).not.toBe(data.store(2, 2));
});
