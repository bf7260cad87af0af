import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stopLeftovers } from '../../../../provisioning/dev/leftovers.ts';
import { findNats } from '../../../../provisioning/dev/nats-program.ts';
import { freePort } from '../../../support/ports.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'bramble-left-'));
  mkdirSync(path.join(dir, 'rendered'));
});
afterEach(() => rmSync(dir, { recursive: true }));

async function startNats(folder: string) {
  const file = path.join(dir, folder, 'nats-1.conf');
  writeFileSync(file, `listen: "127.0.0.1:${await freePort()}"\n`);
  const child = spawn((await findNats()).command, ['-c', file]);
  await once(child.stderr, 'data');
  return { child, ended: once(child, 'exit') };
}

test('a nats-server of this folder is stopped, one of another is not', async () => {
  mkdirSync(path.join(dir, 'other'));
  const ours = await startNats('rendered');
  const other = await startNats('other');
  try {
    expect(await stopLeftovers(path.join(dir, 'rendered'))).toEqual([ours.child.pid]);
    await ours.ended;
    expect(other.child.exitCode).toBeNull();
  } finally {
    ours.child.kill('SIGKILL');
    other.child.kill('SIGKILL');
    await other.ended;
  }
});

test('a program that is not ours may have a rendered file open', async () => {
  const file = path.join(dir, 'rendered', 'balancer.cfg');
  writeFileSync(file, '');
  const reader = spawn('tail', ['-f', file]);
  await once(reader, 'spawn');
  expect(await stopLeftovers(path.join(dir, 'rendered'))).toEqual([]);
  expect(reader.exitCode).toBeNull();
  reader.kill();
});
