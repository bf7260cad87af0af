import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packCpio, unpackCpio } from '../../../image/build/cpio.ts';
import { withScripts } from '../../../image/build/initramfs.ts';
import { readRecipe } from '../../../image/build/recipe.ts';

const FILE = 0o100644;

test('what is packed is unpacked, by us and by cpio', () => {
  const name = fc.stringMatching(/^[a-z]{1,30}$/);
  const content = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  const members = fc.uniqueArray(fc.record({ name, mode: fc.constant(FILE), content }), {
    selector: (member) => member.name,
  });
  fc.assert(
    fc.property(members, (given) => {
      expect(unpackCpio(packCpio(given, 1))).toEqual(given);
    }),
  );
});

test('bytes that are no archive are an error and no endless loop', () => {
  const archive = packCpio([{ name: 'a', mode: FILE, content: Buffer.from('text') }], 1);
  fc.assert(
    fc.property(fc.nat(archive.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
      const broken = Buffer.from(archive);
      broken[at] = byte;
      try {
        unpackCpio(broken);
      } catch (error) {
        expect(String(error)).toMatch(/cpio archive/);
      }
    }),
  );
  expect(() => unpackCpio(archive.subarray(0, 40))).toThrow('cpio archive');
});

test('our scripts run after those that are there, once each', async () => {
  const before = '/scripts/init-bottom/udev "$@"\n[ -e /conf/param.conf ] && . /conf/param.conf\n';
  const debian = packCpio(
    [
      { name: 'scripts/init-bottom', mode: 0o040755, content: Buffer.alloc(0) },
      { name: 'scripts/init-bottom/ORDER', mode: FILE, content: Buffer.from(before) },
    ],
    1,
  );
  // As Debian makes it: firmware that is compressed already comes first, as it is.
  const early = packCpio([{ name: 'firmware', mode: FILE, content: Buffer.alloc(99) }], 1);
  const compressed = Buffer.concat([early, Buffer.alloc(400), zstdCompressSync(debian)]);
  const { initramfs } = await readRecipe('pi', 'arm64');
  const whole = await withScripts(compressed, initramfs, 1);
  expect(whole.subarray(0, compressed.length)).toEqual(compressed);
  const ours = unpackCpio(whole.subarray(Math.ceil(compressed.length / 4) * 4));
  const text = (name: string) => `${ours.find((member) => member.name === name)?.content}`;
  expect(text('scripts/init-bottom/ORDER')).toBe(
    `${before}/scripts/init-bottom/bramble "$@"\n[ -e /conf/param.conf ] && . /conf/param.conf\n`,
  );
  expect(text('scripts/local-top/ORDER')).toMatch(/^\/scripts\/local-top\/bramble-slot "\$@"\n/);
  expect(ours.map(({ name }) => name)).toContain('scripts/local-top');
  expect(ours.map(({ name }) => name)).not.toContain('scripts/init-bottom');
  for (const { name, mode } of ours.filter((member) => /bramble/.test(member.name)))
    expect(mode & 0o111, name).not.toBe(0);
});

const cpio = spawnSync('cpio', ['--version']).error === undefined;

test.skipIf(!cpio)("cpio's own program reads it", () => {
  const work = mkdtempSync(path.join(tmpdir(), 'bramble-cpio-'));
  try {
    const archive = packCpio([{ name: 'file', mode: FILE, content: Buffer.from('text') }], 1);
    execFileSync('cpio', ['-i', '--quiet'], { cwd: work, input: archive });
    expect(readFileSync(path.join(work, 'file'), 'utf8')).toBe('text');
  } finally {
    rmSync(work, { recursive: true });
  }
});
