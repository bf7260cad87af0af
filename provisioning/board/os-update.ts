import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { flushDirectory, put, readText } from './files.ts';
import { whileWritable } from './firmware.ts';
import {
  otherSlot,
  ROOT_PARTITION,
  type Slot,
  STATE_FILE,
  setSlotState,
  slotState,
  startFrom,
} from './slots.ts';
import { contents, refused, type UpdateManifest, type UpdatePart } from './update-file.ts';

/** The card of a node, as its start has found it. */
export interface Card {
  firmware: string;
  /** The slot whose system runs. */
  running: Slot;
  /** Disk signature: with a partition's number it is what the kernel finds a partition by. */
  signature: string;
  /** The device of each slot's root. */
  device: (slot: Slot) => string;
}

const BOOT_NOTES = '/run/bramble-boot';
const CMDLINE = 'cmdline.txt';
const READ_BACK = 1024 * 1024;

/** The card of this machine. Throws CONFIG_INVALID where it was not started from one with slots. */
export function thisCard(firmware: string, notes = BOOT_NOTES): Card {
  const running = readText(path.join(notes, 'slot'))?.trim();
  const signature = readText(path.join(notes, 'disk'))?.trim() ?? '';
  if ((running !== 'a' && running !== 'b') || !/^[0-9a-f]{8}$/.test(signature)) {
    throw new BrambleError(
      ERROR_CODES.CONFIG_INVALID,
      'this machine was not started from a card with two systems',
      { hint: 'run it on a node that was flashed with the image' },
    );
  }
  return {
    firmware,
    running,
    signature,
    device: (slot) => `/dev/disk/by-partuuid/${signature}-0${ROOT_PARTITION[slot]}`,
  };
}

/**
 * Writes an update into the slot that does not run, and has the firmware start it from now on.
 * Whenever the power goes, either the old system or the whole new one starts. Resolves to the slot.
 * Rejects with CONFIG_INVALID for an update that is damaged, STORAGE for a card that refuses it,
 * or while the running system is on trial itself.
 */
export async function writeUpdate(
  file: string,
  manifest: UpdateManifest,
  card: Card,
  progress: (done: number, all: number) => void = () => {},
): Promise<Slot> {
  const slot = otherSlot(card.running);
  expectNoTrial(card, slot);
  const device = card.device(slot);
  const room = deviceSize(device);
  if (manifest.root.size > room) {
    const message = `the update's system has ${manifest.root.size} bytes, its partition ${room}`;
    throw new BrambleError(ERROR_CODES.STORAGE, message, {
      hint: 'flash the card anew with the image of this version',
    });
  }
  // What was good in that slot is about to go: nothing may start it, nor fall back to it.
  await whileWritable(card.firmware, () => {
    startFrom(card.firmware, card.running);
    mkdirSync(path.join(card.firmware, slot), { recursive: true });
    setSlotState(card.firmware, slot, 'void');
  });
  await writeRoot(file, manifest.root, device, progress);
  await whileWritable(card.firmware, async () => {
    await writeBoot(file, manifest.boot, path.join(card.firmware, slot));
    const line = path.join(card.firmware, slot, CMDLINE);
    put(line, ownCommandLine(readText(line) ?? '', card.signature, slot));
    setSlotState(card.firmware, slot, 'try0');
  });
  // Only now, with all of the rest on the card.
  await whileWritable(card.firmware, () => startFrom(card.firmware, slot));
  return slot;
}

/** The system from before is what a trial falls back to: until that has ended it stays. */
function expectNoTrial({ firmware, running }: Card, before: Slot): void {
  if (!slotState(firmware, running)?.startsWith('try')) return;
  if (slotState(firmware, before) !== 'good') return;
  throw new BrambleError(
    ERROR_CODES.STORAGE,
    `the system that runs (slot ${running}) is still being tried`,
    { hint: 'wait until it is kept, ten minutes at most, then try again' },
  );
}

/** The update's command line, for this card and this slot. */
export function ownCommandLine(line: string, signature: string, slot: Slot): string {
  const root = `root=PARTUUID=${signature}-0${ROOT_PARTITION[slot]}`;
  const words = line.trim().split(/\s+/);
  const kept = words.filter((word) => !/^(root=|bramble\.slot=|$)/.test(word));
  return `${[...kept, root, `bramble.slot=${slot}`].join(' ')}\n`;
}

async function writeRoot(
  file: string,
  root: UpdatePart,
  device: string,
  progress: (done: number, all: number) => void,
): Promise<void> {
  const to = await open(device, 'r+');
  try {
    await copy(file, root.name, root, to, progress);
    await to.sync();
  } finally {
    await to.close();
  }
  // What is read back is from the card and not from memory.
  if (statSync(device).isBlockDevice()) execFileSync('blockdev', ['--flushbufs', device]);
  await compare(device, root);
}

async function writeBoot(
  file: string,
  parts: readonly UpdatePart[],
  directory: string,
): Promise<void> {
  for (const name of readdirSync(directory)) {
    if (name !== STATE_FILE) rmSync(path.join(directory, name), { recursive: true });
  }
  for (const part of parts) {
    const place = path.join(directory, part.name);
    const to = await open(place, 'w');
    try {
      await copy(file, `boot/${part.name}`, part, to);
      await to.sync();
    } finally {
      await to.close();
    }
  }
  flushDirectory(directory);
}

/** Copies a member and rejects when it is not the one that the manifest names. */
async function copy(
  file: string,
  member: string,
  { size, sha256 }: UpdatePart,
  to: FileHandle,
  progress: (done: number, all: number) => void = () => {},
): Promise<void> {
  const hash = createHash('sha256');
  let done = 0;
  for await (const chunk of contents(file, member)) {
    done += chunk.length;
    if (done > size) throw refused(file, `is damaged: ${member} is longer than it says`);
    hash.update(chunk);
    await to.writev([chunk]);
    progress(done, size);
  }
  if (done !== size || hash.digest('hex') !== sha256) {
    throw refused(file, `is damaged: ${member} is not what it says`);
  }
}

async function compare(device: string, { size, sha256 }: UpdatePart): Promise<void> {
  const hash = createHash('sha256');
  const from = await open(device, 'r');
  try {
    const bytes = Buffer.allocUnsafe(READ_BACK);
    for (let done = 0; done < size; ) {
      const { bytesRead } = await from.read(bytes, 0, Math.min(bytes.length, size - done), done);
      if (bytesRead === 0) break;
      hash.update(bytes.subarray(0, bytesRead));
      done += bytesRead;
    }
  } finally {
    await from.close();
  }
  if (hash.digest('hex') === sha256) return;
  throw new BrambleError(ERROR_CODES.STORAGE, 'the card does not keep what is written to it', {
    hint: 'replace the card; the system that runs was not changed',
  });
}

function deviceSize(device: string): number {
  const stats = statSync(device, { throwIfNoEntry: false });
  if (stats === undefined) {
    throw new BrambleError(ERROR_CODES.STORAGE, `there is no partition ${device}`, {
      hint: 'flash the card anew',
    });
  }
  if (!stats.isBlockDevice()) return stats.size;
  const name = path.basename(realpathSync(device));
  // In sectors of 512 bytes, whatever the device's own are.
  return 512 * Number(readText(`/sys/class/block/${name}/size`) ?? 0);
}
