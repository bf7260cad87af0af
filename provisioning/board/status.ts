import { readdirSync, readlinkSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { describeError } from '#core/errors.ts';
import type { Board } from './board.ts';
import { firstLogin } from './cluster-of-one.ts';
import { readText, replaceText } from './files.ts';
import { whileWritable } from './firmware.ts';
import { type Ground, within } from './ground.ts';
import { SLOTS, slotState } from './slots.ts';

const RELEASE = 'opt/bramble/current';
/** Less than this is soon full of messages; bytes. */
const DATA_MIN = 512 * 1024 * 1024;
/** e2fsck(8): from here on the file system was left with errors. */
const FSCK_FAILED = 4;

/** Writes STATUS.txt for its owner, where it would say something else than before. */
export async function writeStatus(
  ground: Ground,
  board: Board,
  name: string,
  report: readonly string[],
): Promise<void> {
  const body = [
    ...report,
    '',
    board.addresses.length === 0
      ? 'Addresses: none yet. Is the network cable in, or the Wi-Fi in reach?'
      : `Addresses: ${board.addresses.join(' ')}`,
    ...(board.serial === undefined ? [] : [`Serial: ${board.serial}`]),
    ...problems(ground),
    ...slots(ground),
    ...firstLogin(ground),
  ];
  const file = path.join(ground.firmware, 'STATUS.txt');
  const before = (readText(file) ?? '').split('\r\n').slice(1);
  // The first line has the time; a card is not written for that alone.
  const lines = ['', ...body, ''];
  if (before.join('\n') === lines.join('\n')) return;
  const time = new Date().toISOString().slice(0, 16).replace('T', ' ');
  const head = `Bramble on ${name}, ${time} UTC, ${release(ground)}`;
  try {
    await whileWritable(ground.firmware, () => replaceText(file, [head, ...lines].join('\r\n')));
  } catch (error) {
    process.stderr.write(`STATUS.txt cannot be written: ${describeError(error)}\n`);
  }
}

function release(ground: Ground): string {
  try {
    return path.basename(readlinkSync(within(ground, RELEASE)));
  } catch {
    return 'no release';
  }
}

/** What the start of the system has noticed. */
function problems(ground: Ground): string[] {
  const notes = within(ground, 'run/bramble-boot');
  const there = listOf(notes);
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
  if (there.includes('card-read-only')) said.push('The card is read-only: it may be worn out.');
  return said;
}

function slots(ground: Ground): string[] {
  const running = readText(within(ground, 'run/bramble-boot/slot'))?.trim();
  return SLOTS.flatMap((slot) => {
    const state = slotState(ground.firmware, slot);
    if (state === undefined || (slot === running && state === 'good')) return [];
    const text = {
      good: 'the system from before is kept',
      bad: 'the update did not come up and was given up',
      void: 'an update was not written to its end',
    }[state as string];
    const own =
      slot === running ? 'an update is being tried' : 'an update starts at the next start';
    return [`System ${slot}: ${text ?? own}.`];
  });
}

function listOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
