import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ERROR_CODES } from '#core/errors.ts';
import { readMemory, writeMemory } from '../../../services/watchdog/ladder/memory.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'bramble-memory-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const EMPTY = { climbs: {}, reboots: [], events: [] };

test('what was written is read again', async () => {
  const file = path.join(directory, 'memory.json');
  const memory = {
    climbs: { broker: { rung: 'reboot' as const, tries: 1, at: 5 } },
    reboots: [5],
    events: [{ at: 5, level: 'critical' as const, subject: 'pi1 broker', text: 'stays down' }],
  };
  await writeMemory(file, memory);
  expect(await readMemory(file, () => expect.unreachable())).toEqual(memory);
});

test('what is missing is empty; what is damaged is empty and told', async () => {
  const file = path.join(directory, 'memory.json');
  expect(await readMemory(file, () => expect.unreachable())).toEqual(EMPTY);
  for (const damaged of ['', '{"climbs":', '[]', '{"climbs":{"a":{"rung":"fly"}}}', '\0\0\0']) {
    writeFileSync(file, damaged);
    let told = 0;
    expect(await readMemory(file, () => told++)).toEqual(EMPTY);
    expect(told, damaged).toBe(1);
  }
});

test('a place that cannot be written to is a typed error', async () => {
  const file = path.join(directory, 'gone', 'memory.json');
  await expect(writeMemory(file, EMPTY)).rejects.toMatchObject({ code: ERROR_CODES.STORAGE });
});
