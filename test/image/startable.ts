import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { UpdateManifest } from '../../provisioning/board/update-file.ts';
import { copyFromFat, readFat, readMbr } from './partitions.ts';

const run = promisify(execFile);
const MIB = 1024 * 1024;
/** e2fsck(8): errors were corrected, and the machine is to start again; the start takes both. */
const FSCK_TAKEN = 3;

export interface Startable {
  /** The slot that the firmware starts next. */
  slot: string;
  /** What is known of both slots: `a good, b void`. */
  states: string;
}

/** What an update says that it is made of. */
export async function manifestOf(update: string): Promise<UpdateManifest> {
  const { stdout } = await run('tar', ['-xOf', update, 'manifest.json']);
  return JSON.parse(stdout) as UpdateManifest;
}

/**
 * Whether a card whose power went has all that its next start needs, byte for byte: a slot that is
 * named, with the kernel, the initramfs, the device trees and the root of `manifest`, its own command
 * line and a state that lets it start; and data that the start mends without a person. Rejects with
 * what is missing. `look` gets the data partition as the start will have it. The card stays as it is.
 */
export async function expectStartable(
  card: string,
  manifest: UpdateManifest,
  look: (data: string) => Promise<void> = async () => {},
): Promise<Startable> {
  const { signature, parts } = await readMbr(card);
  const [firmware, rootA, rootB, data] = parts.map(({ start }) => start) as Offsets;
  const text = (file: string) => readFat(card, firmware, file);
  const slot = /^os_prefix=([ab])\/$/m.exec(await text('config.txt'))?.[1] ?? '';
  const stateOf = async (each: string) => (await text(`${each}/state`).catch(() => 'none')).trim();
  const states = { a: await stateOf('a'), b: await stateOf('b') };
  const found = `a ${states.a}, b ${states.b}, starts ${slot}`;
  if (!/^(good|try\d)$/.test(states[slot as 'a' | 'b'] ?? '')) throw new Error(found);
  const line = await text(`${slot}/cmdline.txt`);
  const root = `root=PARTUUID=${signature}-0${slot === 'a' ? 2 : 3} `;
  if (!`${line.trim()} `.includes(root) || !line.includes(`bramble.slot=${slot}`))
    throw new Error(`${found}: ${line}`);
  const work = await mkdtemp(path.join(path.dirname(card), '.look-'));
  try {
    for (const { name, sha256 } of manifest.boot) {
      if (name === 'cmdline.txt') continue;
      const copy = path.join(work, 'file');
      await copyFromFat(card, firmware, `${slot}/${name}`, copy);
      if ((await sha256Of(copy)) !== sha256)
        throw new Error(`${found}: ${slot}/${name} is not whole`);
    }
    const start = slot === 'a' ? rootA : rootB;
    const range = { start, end: start + manifest.root.size - 1 };
    if ((await sha256Of(card, range)) !== manifest.root.sha256)
      throw new Error(`${found}: the root of ${slot} is not whole`);
    const mended = path.join(work, 'data');
    await mendData(card, data, mended);
    await look(mended);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return { slot, states: found };
}
type Offsets = [number, number, number, number];

/** As the initramfs does it, on a copy. */
async function mendData(card: string, start: number, copy: string): Promise<void> {
  const where = [`skip=${start / MIB}`, 'bs=1M', 'conv=sparse', 'status=none'];
  await run('dd', [`if=${card}`, `of=${copy}`, ...where]);
  const code = await run('e2fsck', ['-p', copy]).then(
    () => 0,
    (error: { code?: number; stdout?: string }) => {
      if ((error.code ?? 8) > FSCK_TAKEN) throw new Error(`e2fsck -p: ${error.stdout}`);
      return error.code;
    },
  );
  if (code === undefined) throw new Error('e2fsck did not run');
}

async function sha256Of(file: string, range: object = {}): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { ...range, highWaterMark: MIB }))
    hash.update(chunk);
  return hash.digest('hex');
}
