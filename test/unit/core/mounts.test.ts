import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasLostWrites, mountOf, parseMounts } from '#core/mounts.ts';

const TABLE = `20 1 259:2 / / ro,relatime shared:1 - squashfs /dev/root ro
21 20 259:4 / /data ro,noatime shared:2 master:1 - ext4 /dev/mmcblk0p4 rw,errors=remount-ro
22 20 259:1 / /boot/firmware ro - vfat /dev/mmcblk0p1 ro,fmask=0077
23 21 0:31 / /data/my\\040disk rw - ext4 /dev/sda1 ro
24 21 0:32 / /mnt rw - ext4 /dev/sdb1 ro
25 24 0:33 / /mnt rw - ext4 /dev/sdc1 rw
`;

test('a file lies on the innermost mount above it', () => {
  const mounts = parseMounts(TABLE);
  const at = (file: string): string | undefined => mountOf(file, mounts)?.at;
  expect(at('/data/x/y')).toBe('/data');
  expect(at('/data')).toBe('/data');
  expect(at('/data/my disk/x')).toBe('/data/my disk');
  expect(at('/database')).toBe('/');
  expect(mountOf('/x', new Map())).toBeUndefined();
});

test('only what is there to be written to can lose its writes', () => {
  const lost = [...parseMounts(TABLE).values()].filter(hasLostWrites).map(({ at }) => at);
  // Not the root and the FAT partition of the image, nor what a sandbox shows read-only.
  expect(lost).toEqual(['/data/my disk']);
  const [ill] = parseMounts('9 1 8:1 / / rw - ext4 /dev/sda1 rw,emergency_ro\n').values();
  expect(hasLostWrites(ill!)).toBe(true);
});

test('any text is read without a fault', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (text, file) => {
      mountOf(file, parseMounts(text));
      mountOf(file, parseMounts(`1 1 1:1 / ${text} rw - ${file} x ro\n`));
    }),
  );
});
