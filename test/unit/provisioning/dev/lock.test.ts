import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { takeLock } from '../../../../provisioning/dev/lock.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'bramble-lock-'));
  file = path.join(dir, 'dev.lock');
});
afterEach(() => rmSync(dir, { recursive: true }));

test('is held by one, and given back', () => {
  const unlock = takeLock(file);
  expect(() => takeLock(file)).toThrow(`pid ${process.pid}`);
  unlock();
  expect(existsSync(file)).toBe(false);
  takeLock(file)();
});

test('that of a dead process is taken over', () => {
  const { pid } = spawnSync('true');
  writeFileSync(file, JSON.stringify({ pid, startTime: '1' }));
  takeLock(file)();
});

test('that of a process whose pid was given to another is taken over', () => {
  writeFileSync(file, JSON.stringify({ pid: process.pid, startTime: '1' }));
  takeLock(file)();
});

test('an unreadable one is taken over', () => {
  writeFileSync(file, '{"pid":');
  takeLock(file)();
});

test('a folder that is not there is told', () => {
  expect(() => takeLock(path.join(dir, 'no', 'dev.lock'))).toThrow(/cannot write/);
});
