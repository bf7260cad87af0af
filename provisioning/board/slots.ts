import path from 'node:path';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { overwrite, put, readText } from './files.ts';

/** The two systems that a card has room for; each has a directory on the FAT partition. */
export const SLOTS = ['a', 'b'] as const;
export type Slot = (typeof SLOTS)[number];

/** The partition of each slot's root. */
export const ROOT_PARTITION: Record<Slot, number> = { a: 2, b: 3 };

/**
 * What is known of a slot: `good`, it has served; `try0` to `try9`, so many starts were tried;
 * `bad`, it was given up; `void`, it is being written. All are five bytes long in the file, and a
 * file that says anything else is as good as none.
 */
export type SlotState = 'good' | 'bad' | 'void' | `try${number}`;

const STATE = /^(good|bad|void|try\d)$/;
const LENGTH = 5;
/** In the slot's directory. */
export const STATE_FILE = 'state';
/** The firmware takes the last of several lines. */
const PREFIX = /^os_prefix=([ab])\/[ \t]*\r?$/gm;

export function otherSlot(slot: Slot): Slot {
  return slot === 'a' ? 'b' : 'a';
}

/** The slot that a config.txt has the firmware start, and where in it that is said. */
export function startingSlot(config: string): { slot: Slot; offset: number } | undefined {
  const last = [...config.matchAll(PREFIX)].at(-1);
  if (last === undefined) return undefined;
  const before = `${config.slice(0, last.index)}os_prefix=`;
  return { slot: last[1] as Slot, offset: Buffer.byteLength(before) };
}

/** Has the firmware start a slot from now on, by one byte. Throws STORAGE. */
export function startFrom(firmware: string, slot: Slot): void {
  const file = path.join(firmware, 'config.txt');
  const starting = startingSlot(readText(file) ?? '');
  if (starting === undefined) {
    throw new BrambleError(
      ERROR_CODES.STORAGE,
      `${file} has no line os_prefix=a/ or os_prefix=b/`,
      {
        hint: 'add the line os_prefix=a/, or flash the card anew',
      },
    );
  }
  if (starting.slot !== slot) overwrite(file, Buffer.from(slot), starting.offset);
}

export function slotState(firmware: string, slot: Slot): SlotState | undefined {
  const text = readText(stateFile(firmware, slot))?.trim() ?? '';
  return STATE.test(text) ? (text as SlotState) : undefined;
}

/** In place where there is one: no name and no cluster of the FAT is touched. */
export function setSlotState(firmware: string, slot: Slot, state: SlotState): void {
  const file = stateFile(firmware, slot);
  const text = `${state.padEnd(LENGTH - 1)}\n`;
  if (readText(file)?.length === LENGTH) overwrite(file, Buffer.from(text), 0);
  else put(file, text);
}

function stateFile(firmware: string, slot: Slot): string {
  return path.join(firmware, slot, STATE_FILE);
}
