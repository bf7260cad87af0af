import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { aligned, isCpio, type Member, packCpio, readCpio, unpackCpio } from './cpio.ts';

const SCRIPT = 0o100755;
const FILE = 0o100644;
const DIRECTORY = 0o040755;

/**
 * Debian's initramfs with our scripts behind it: the kernel unpacks one archive after the other, so
 * a change of a script needs no new initramfs. `scripts` has a directory for each of initramfs-tools'
 * moments (initramfs-tools(7)).
 */
export async function withScripts(
  initramfs: Buffer,
  scripts: string,
  date: number,
): Promise<Buffer> {
  const there = new Map(unpack(initramfs).map((member) => [member.name, member]));
  const members: Member[] = [];
  for (const moment of (await readdir(scripts)).sort()) {
    const names = (await readdir(path.join(scripts, moment))).sort();
    const directory = `scripts/${moment}`;
    if (!there.has(directory)) {
      members.push({ name: directory, mode: DIRECTORY, content: Buffer.alloc(0) });
    }
    for (const name of names) {
      const content = await readFile(path.join(scripts, moment, name));
      members.push({ name: `${directory}/${name}`, mode: SCRIPT, content });
    }
    const order = `${directory}/ORDER`;
    const before = there.get(order)?.content.toString('utf8') ?? '';
    members.push({ name: order, mode: FILE, content: Buffer.from(inOrder(before, moment, names)) });
  }
  // Uncompressed: the kernel takes it where a multiple of four starts.
  return Buffer.concat([aligned(initramfs), packCpio(members, date)]);
}

/** What an initramfs holds: archives as they are, with zeros between, and a compressed one behind. */
function unpack(initramfs: Buffer): Member[] {
  const members: Member[] = [];
  for (let at = 0; at < initramfs.length; ) {
    if (initramfs[at] === 0) {
      at += 1;
    } else if (isCpio(initramfs, at)) {
      const archive = readCpio(initramfs, at);
      members.push(...archive.members);
      at = archive.end;
    } else {
      return [...members, ...unpackCpio(zstdDecompressSync(initramfs.subarray(at)))];
    }
  }
  return members;
}

/** The list by which the initramfs runs its scripts, with ours at its end. */
export function inOrder(before: string, moment: string, names: readonly string[]): string {
  const calls = names
    .filter((name) => !before.includes(`/scripts/${moment}/${name} `))
    .map(
      (name) => `/scripts/${moment}/${name} "$@"\n[ -e /conf/param.conf ] && . /conf/param.conf\n`,
    );
  return before + calls.join('');
}
