import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PulseCheck } from '../../../services/watchdog/checks/pulse-check.ts';

/** Longer than the busy one of these tests sleeps, milliseconds. */
const WHILE = 300;

let directory = '';
let file = '';
const children: ChildProcess[] = [];

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'bramble-pulse-'));
  file = path.join(directory, 'its.pid');
});
afterAll(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(directory, { recursive: true });
});

async function start(script: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  await once(child.stdout, 'data');
  writeFileSync(file, `${child.pid}\n`);
  return child;
}

test('what works now and then is alive; stopped it stands still; let go it is alive again', async () => {
  const child = await start('setInterval(() => {}, 20); console.log(1)');
  const check = new PulseCheck(file);
  for (let i = 0; i < 3; i++) {
    await check.run();
    await sleep(WHILE);
  }
  child.kill('SIGSTOP');
  await sleep(WHILE);
  await check.run();
  await sleep(WHILE);
  await expect(check.run()).rejects.toThrow(/stands still, in state T/);
  child.kill('SIGCONT');
  await sleep(WHILE);
  await check.run();
});

test('another process is not the one from before', async () => {
  const first = await start('setInterval(() => {}, 1e9); console.log(1)');
  const check = new PulseCheck(file);
  first.kill('SIGSTOP');
  await sleep(WHILE);
  await check.run();
  const second = await start('console.log(1); setInterval(() => {}, 1e9)');
  second.kill('SIGSTOP');
  await check.run();
});

test('what has ended, and a file that says nothing, are reasons', async () => {
  const child = await start('console.log(1); setInterval(() => {}, 1e9)');
  child.kill('SIGKILL');
  await once(child, 'exit');
  await expect(new PulseCheck(file).run()).rejects.toThrow(/ENOENT/);
  writeFileSync(file, '');
  await expect(new PulseCheck(file).run()).rejects.toThrow('has no process id');
  rmSync(file);
  await expect(new PulseCheck(file).run()).rejects.toThrow(/ENOENT/);
});
