import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { BRIDGE_ENVIRONMENT, BRIDGE_LIMITS } from '../../../provisioning/dev/specs.ts';
import { shareOf } from '../../../services/bridge/delivery/budget.ts';

const MiB = 1 << 20;

test('a few mappings have what they ask for', () => {
  expect(shareOf(4 * MiB, 1)).toBe(4 * MiB);
  expect(shareOf(4 * MiB, 4)).toBe(4 * MiB);
  expect(shareOf(4 * MiB, 0)).toBe(4 * MiB);
});

test('however many there are, and whatever they ask for, all together stay within the bound', () => {
  for (const mappings of [1, 5, 20, 333]) {
    const all = shareOf(1024 * MiB, mappings) * mappings;
    expect(all).toBeLessThanOrEqual(16 * MiB);
    expect(all).toBeGreaterThan(15 * MiB);
  }
});

test('the unit file has the limits with which a dev cluster runs', () => {
  const file = new URL('../../../services/bridge/bramble-bridge.service', import.meta.url);
  const unit = readFileSync(file, 'utf8');
  const started = /^ExecStart=(.*)$/m.exec(unit)![1]!.split(' ');
  const [limit] = BRIDGE_LIMITS;
  expect(BRIDGE_LIMITS).toHaveLength(2);
  const at = started.indexOf(limit!);
  expect(started.slice(at, at + BRIDGE_LIMITS.length)).toEqual(BRIDGE_LIMITS);
  for (const [name, value] of Object.entries(BRIDGE_ENVIRONMENT)) {
    expect(unit).toContain(`Environment=${name}=${value}\n`);
  }
});
