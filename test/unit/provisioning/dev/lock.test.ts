import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
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

test('of many that find a dead one at the same time, one gets it', async () => {
  writeFileSync(file, JSON.stringify({ pid: spawnSync('true').pid, startTime: '1' }));
  const lock = new URL('../../../../provisioning/dev/lock.ts', import.meta.url).href;
  const script = `const { takeLock } = await import('${lock}');
    while (Date.now() < Number(process.argv[1]));
    try { takeLock(process.argv[2]); process.stdout.write('mine') } catch (e) { process.stdout.write(e.code) }
    process.stdin.resume();`;
  const args = ['--input-type=module', '-e', script, String(Date.now() + 1500), file];
  const children = Array.from({ length: 6 }, () => spawn(process.execPath, args));
  const words = await Promise.all(
    children.map(async (child) => String((await once(child.stdout, 'data'))[0])),
  );
  // Each stays alive until all have tried.
  for (const child of children) child.stdin.end();
  await Promise.all(children.map((child) => once(child, 'exit')));
  expect(words.filter((word) => word === 'mine')).toHaveLength(1);
  expect(words.filter((word) => word === 'BRAMBLE_ALREADY_RUNNING')).toHaveLength(5);
});

test('an unreadable one is taken over', () => {
  writeFileSync(file, '{"pid":');
  takeLock(file)();
});

test('a folder that is not there is told', () => {
  expect(() => takeLock(path.join(dir, 'no', 'dev.lock'))).toThrow(/cannot write/);
});
