import { readlinkSync } from 'node:fs';
import path from 'node:path';
import { describeError } from '#core/errors.ts';
import type { Board } from './board.ts';
import { firstLogin } from './cluster-of-one.ts';
import { readText, replaceText } from './files.ts';
import { whileWritable } from './firmware.ts';
import { type Ground, within } from './ground.ts';
import { SLOTS, slotState } from './slots.ts';

const RELEASE = 'opt/bramble/current';

/**
 * Writes STATUS.txt for its owner, where it would say something else than before. Resolves to what
 * kept it from being written, in words; never rejects for that.
 */
export async function writeStatus(
  ground: Ground,
  board: Board,
  name: string,
  report: readonly string[],
  problems: readonly string[],
): Promise<string[]> {
  const body = [
    ...report,
    '',
    board.addresses.length === 0
      ? 'Addresses: none yet. Is the network cable in, or the Wi-Fi in reach?'
      : `Addresses: ${board.addresses.join(' ')}`,
    ...(board.serial === undefined ? [] : [`Serial: ${board.serial}`]),
    ...problems,
    ...slots(ground),
    ...firstLogin(ground),
  ];
  const file = path.join(ground.firmware, 'STATUS.txt');
  const before = (readText(file) ?? '').split('\r\n').slice(1);
  // The first line has the time; a card is not written for that alone.
  const lines = ['', ...body, ''];
  if (before.join('\n') === lines.join('\n')) return [];
  const time = new Date().toISOString().slice(0, 16).replace('T', ' ');
  const head = `Bramble on ${name}, ${time} UTC, ${release(ground)}`;
  try {
    await whileWritable(ground.firmware, () => replaceText(file, [head, ...lines].join('\r\n')));
    return [];
  } catch (error) {
    const said = `STATUS.txt cannot be written: ${describeError(error)}`;
    process.stderr.write(`${said}\n`);
    return [said];
  }
}

function release(ground: Ground): string {
  try {
    return path.basename(readlinkSync(within(ground, RELEASE)));
  } catch {
    return 'no release';
  }
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
