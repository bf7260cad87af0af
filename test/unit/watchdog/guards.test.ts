import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mountsAbove, neverBecause } from '../../../services/watchdog/guards/never.ts';
import { goesFirst, keepsMajority } from '../../../services/watchdog/guards/peers.ts';

const TABLE = `/dev/root / squashfs ro,relatime 0 0
overlay /etc overlay rw,lowerdir=/a 0 0
/dev/mmcblk0p4 /data ext4 rw,noatime 0 0
tmpfs /data/with\\040space tmpfs ro 0 0
`;

test('the innermost mount is the one that a file lies on', () => {
  expect(mountsAbove('/data/x/y', TABLE)[0]).toEqual({ at: '/data', readOnly: false });
  expect(mountsAbove('/data/with space/x', TABLE)[0]).toEqual({
    at: '/data/with space',
    readOnly: true,
  });
  expect(mountsAbove('/database', TABLE)[0]).toEqual({ at: '/', readOnly: true });
  const again = `${TABLE}/dev/mmcblk0p4 /data ext4 ro,noatime 0 0\n`;
  expect(mountsAbove('/data', again)[0]).toEqual({ at: '/data', readOnly: true });
});

test('any table of mounts is read without a fault', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (file, table) => {
      mountsAbove(`/${file}`, table);
    }),
  );
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

test('a node goes down only where a majority stays', () => {
  expect(keepsMajority(1, 0, true)).toBe(true);
  expect(keepsMajority(3, 2, true)).toBe(true);
  expect(keepsMajority(3, 1, true)).toBe(false);
  expect(keepsMajority(2, 1, true)).toBe(false);
  expect(keepsMajority(5, 3, true)).toBe(true);
  // Its own nats-server is gone already.
  expect(keepsMajority(3, 0, false)).toBe(true);
});
