import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findProgram } from '../../../../provisioning/dev/find-program.ts';
import { findNats } from '../../../../provisioning/dev/nats-program.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'bramble-bin-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function program(name: string, script: string): void {
  writeFileSync(path.join(dir, name), `#!/bin/sh\n${script}\n`);
  chmodSync(path.join(dir, name), 0o755);
}

test('a program is found on the path only when it can be run', () => {
  program('yes-run', 'true');
  writeFileSync(path.join(dir, 'no-run'), '');
  expect(findProgram('yes-run', dir)).toBe(path.join(dir, 'yes-run'));
  expect(findProgram('no-run', dir)).toBeUndefined();
});

test.each([
  ['nats-server: v2.9.10', false],
  ['nats-server: v2.10.27', true],
  ['nats-server: v2.11.0-RC.1', true],
  ['nats-server: v3.0.1', true],
])('%s: sync_interval %s', async (line, known) => {
  program('nats-server', `echo '${line}'`);
  expect((await findNats((name) => findProgram(name, dir))).syncInterval).toBe(known);
});

test('one that does not run is told', async () => {
  program('nats-server', 'exit 3');
  await expect(findNats((name) => findProgram(name, dir))).rejects.toMatchObject({
    code: 'BRAMBLE_PROGRAM_MISSING',
  });
});

test('where there is none, the line to install it is told', async () => {
  await expect(findNats(() => undefined)).rejects.toMatchObject({
    code: 'BRAMBLE_PROGRAM_MISSING',
    hint: expect.stringMatching(/^sudo apt-get install .*nats-server$/),
  });
});
