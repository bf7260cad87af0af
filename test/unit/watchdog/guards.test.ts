import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { neverBecause } from '../../../services/watchdog/guards/never.ts';
import { goesFirst, isBefore, keepsMajority } from '../../../services/watchdog/guards/peers.ts';

/** As systemd's ProtectSystem=strict shows the image's mounts to a service (mountinfo). */
const table = (data: string): string => `20 1 259:2 / / ro,relatime - squashfs /dev/root ro
21 20 0:30 / /var ro,relatime - overlay overlay-var rw,lowerdir=/a,upperdir=/b
22 20 259:4 / /data ro,noatime shared:1 - ext4 /dev/mmcblk0p4 ${data}
23 21 0:30 /lib/own /var/lib/own rw - overlay overlay-var rw,lowerdir=/a,upperdir=/b
`;

test('a data partition that takes no writes is named, a sandbox and a read-only root are not', async () => {
  const work = mkdtempSync(path.join(tmpdir(), 'bramble-guards-'));
  try {
    const file = path.join(work, 'mountinfo');
    const why = (options: string, data: string): Promise<string> => {
      writeFileSync(file, table(options));
      return neverBecause(data, file);
    };
    expect(await why('rw,commit=60', '/var/lib/bramble')).toBe('');
    for (const options of ['ro,commit=60', 'rw,emergency_ro']) {
      expect(await why(options, '/var/lib/bramble')).toContain('/data is read-only');
      expect(await why(options, '/data/x')).toContain('/data is read-only');
    }
    expect(await why('rw', '/usr/lib')).toContain('/ is read-only');
  } finally {
    rmSync(work, { recursive: true });
  }
});

test('this machine can be mended', async () => {
  expect(await neverBecause(import.meta.dirname)).toBe('');
});

test('of two nodes that want to work on themselves exactly one goes first', () => {
  const intent = fc.record({ node: fc.constantFrom('pi1', 'pi2', 'pi3'), since: fc.nat(3) });
  fc.assert(
    fc.property(intent, intent, (a, b) => {
      if (a.node === b.node) return;
      expect(goesFirst(a, b)).toBe(!goesFirst(b, a));
    }),
  );
});

test('who has begun goes first, also where its clock is ahead', () => {
  const own = { node: 'pi1', since: 1_000 };
  expect(isBefore({ node: 'pi2', working: 2_000 }, own)).toBe(false);
  expect(isBefore({ node: 'pi2', working: 2_000, acting: true }, own)).toBe(true);
  expect(isBefore({ node: 'pi2', working: 500 }, own)).toBe(true);
  expect(isBefore({ node: 'pi2' }, own)).toBe(false);
});

test('a node goes down only where a majority stays', () => {
  expect(keepsMajority(1, 0, true)).toBe(true);
  expect(keepsMajority(3, 2, true)).toBe(true);
  expect(keepsMajority(3, 1, true)).toBe(false);
  expect(keepsMajority(2, 1, true)).toBe(false);
  expect(keepsMajority(5, 3, true)).toBe(true);
  // Its own nats-server is gone already.
  expect(keepsMajority(3, 0, false)).toBe(true);
});
