import { chmodSync, existsSync, readdirSync, statfsSync } from 'node:fs';
import path from 'node:path';
import {
  NODE_PROBLEM_LENGTH,
  NODE_PROBLEMS,
  NODE_PROBLEMS_MAX,
} from '#core/contracts/node-problems.ts';
import { clockProblems } from './clock.ts';
import { putChanged, readText } from './files.ts';
import { isMounted } from './firmware.ts';
import { type Ground, within } from './ground.ts';
import { SLOTS, slotState } from './slots.ts';
import { supplicantFile, WIFI } from './wireless.ts';

/** What the initramfs has noticed. */
const NOTES = 'run/bramble-boot';
const MOUNTS = 'proc/self/mounts';
/** Less than this is soon full of messages; bytes. */
const DATA_MIN = 512 * 1024 * 1024;
/** e2fsck(8): from here on the file system was left with errors. */
const FSCK_FAILED = 4;

/** What is wrong with the card and the network, as a look at them shows now; sentences. */
export function findProblems(ground: Ground, now = Date.now()): string[] {
  const notes = within(ground, NOTES);
  const there = listOf(notes);
  return [
    ...firmwareProblems(ground, there),
    ...dataProblems(ground, notes, there),
    ...wirelessProblems(ground),
    ...clockProblems(ground, now),
  ];
}

/** Whether this was started from a card whose FAT partition could not be mounted. */
export function lacksFirmware(ground: Ground): boolean {
  const table = within(ground, MOUNTS);
  return existsSync(within(ground, `${NOTES}/slot`)) && !isMounted(ground.firmware, table);
}

function firmwareProblems(ground: Ground, there: readonly string[]): string[] {
  if (there.includes('card-read-only')) return ['The card is read-only: it may be worn out.'];
  if (!lacksFirmware(ground)) return [];
  return [
    'The FAT partition of the card cannot be mounted: nothing on it is read. The node goes on with what it had. Repair it on another computer, or flash the card anew.',
  ];
}

function dataProblems(ground: Ground, notes: string, there: readonly string[]): string[] {
  const said: string[] = [];
  if (there.includes('no-data')) {
    said.push('The data partition cannot be used: nothing is kept over a restart.');
    const code = Number(readText(path.join(notes, 'fsck-code')) ?? 0);
    if (code >= FSCK_FAILED) said.push('Its file system has errors that need a person: e2fsck.');
  } else if (there.length > 0) {
    const { blocks, bsize } = statfsSync(within(ground, 'data'));
    const size = blocks * bsize;
    if (size < DATA_MIN) {
      said.push(`There are only ${Math.round(size / 1e6)} MB for data: take a larger card.`);
    }
  }
  for (const place of (readText(path.join(notes, 'read-only')) ?? '').split('\n').filter(Boolean)) {
    said.push(`/${place} cannot be changed.`);
  }
  return said;
}

/** A network that was asked for and is not there is noticed by nobody who comes in by cable. */
function wirelessProblems(ground: Ground): string[] {
  const wanted = readText(within(ground, supplicantFile(WIFI)));
  if (wanted === undefined) return [];
  const state = readText(within(ground, `sys/class/net/${WIFI}/operstate`))?.trim();
  if (state === 'up') return [];
  if (state === undefined) return ['Wi-Fi was asked for, and this board shows no Wi-Fi card.'];
  const names = [...wanted.matchAll(/^\s*ssid=([0-9a-f]+)$/gm)].map(([, hex]) =>
    JSON.stringify(Buffer.from(hex!, 'hex').toString('utf8')),
  );
  return [
    `Wi-Fi is not connected to ${names.join(' or ')}. Is it in reach, and is its password right?`,
  ];
}

/** An update that came to nothing; the system from before goes on. */
export function updateProblems({ firmware }: Ground): string[] {
  return SLOTS.filter((slot) => slotState(firmware, slot) === 'bad').map(
    (slot) => `An update of the system (slot ${slot}) did not come up and was given up.`,
  );
}

/** Tells the page, which has rights to this file and to nothing else here. */
export function tellProblems(ground: Ground, problems: readonly string[]): void {
  const file = within(ground, NODE_PROBLEMS);
  const short = problems.map((text) =>
    text.length > NODE_PROBLEM_LENGTH ? `${text.slice(0, NODE_PROBLEM_LENGTH - 1)}…` : text,
  );
  const told = [...new Set(short)].slice(0, NODE_PROBLEMS_MAX);
  if (!putChanged(file, `${JSON.stringify(told)}\n`)) return;
  // Whatever the mask of who calls `bramble configure`.
  chmodSync(path.dirname(file), 0o755);
  chmodSync(file, 0o644);
}

function listOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
