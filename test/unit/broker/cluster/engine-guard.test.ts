import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Bus } from '#core/jetstream/bus.ts';
import { createLog } from '#core/log.ts';
import { EngineGuard } from '../../../../services/broker/cluster/engine-guard.ts';

const PATIENCE = 100;
const LONG_AFTER = 600;

let directory: string;
let pidFile: string;
let child: ChildProcess;
let guard: EngineGuard;
/** The link as the broker sees it: whether the process answers is up to the test. */
const link = Object.assign(new EventEmitter(), { connected: true });

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'bramble-guard-'));
  pidFile = path.join(directory, 'nats.pid');
});

afterEach(async () => {
  guard.close();
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(directory, { recursive: true });
});

async function start(command: string, args: readonly string[]): Promise<void> {
  child = spawn(command, args, { stdio: 'ignore' });
  await once(child, 'spawn');
  // Until it has replaced the one that spawned it.
  while (!readFileSync(`/proc/${child.pid}/stat`, 'utf8').includes(`(${command})`)) await sleep(5);
  writeFileSync(pidFile, `${child.pid}`);
  link.connected = true;
  guard = new EngineGuard({
    bus: link as unknown as Bus,
    pidFile,
    log: createLog({ service: 'guard', node: 'n', level: 'silent' }),
    patience: PATIENCE,
  });
  guard.start();
}

const startEngine = () => start('nats-server', ['-p', '-1', '-a', '127.0.0.1']);

function fall(): void {
  link.connected = false;
  link.emit('down');
}

test('a nats-server that runs and does not answer is ended', async () => {
  await startEngine();
  const ended = once(child, 'exit');
  fall();
  expect(await ended).toEqual([null, 'SIGKILL']);
});

test('one that answers again in time lives on', async () => {
  await startEngine();
  fall();
  link.connected = true;
  link.emit('up');
  await sleep(LONG_AFTER);
  expect(child.signalCode).toBeNull();
});

test('one that somebody has stopped is left alone', async () => {
  await startEngine();
  child.kill('SIGSTOP');
  fall();
  await sleep(LONG_AFTER);
  expect(child.signalCode).toBeNull();
});

test('one that has come after it is left alone: it may still read its files', async () => {
  await startEngine();
  const first = child;
  writeFileSync(pidFile, '2');
  fall();
  await sleep(LONG_AFTER);
  expect(first.signalCode).toBeNull();
});

test('another program with its process id is left alone', async () => {
  await start('sleep', ['60']);
  fall();
  await sleep(LONG_AFTER);
  expect(child.signalCode).toBeNull();
});
