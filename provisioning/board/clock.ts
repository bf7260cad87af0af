import { statSync } from 'node:fs';
import { readText } from './files.ts';
import { type Ground, within } from './ground.ts';

/** systemd(1): the clock is never set earlier than the date of this file, which is its system's. */
const FLOOR = 'usr/lib/clock-epoch';
/** What the clock said before systemd looked at it, seconds since the epoch; by the initramfs. */
const TOLD = 'run/bramble-boot/clock';
const UPTIME = 'proc/uptime';
/** A system is seldom older than Debian looks after it; milliseconds. */
const AHEAD = 5 * 365 * 86_400_000;
/** A start is over by then, milliseconds. */
const START = 3_600_000;

/**
 * A clock that is far ahead of its system, as a board's own may be whose battery is empty, or after
 * a wrong time server. One that is more than 15 years ahead systemd has set back to the day of the
 * system, which is told until somebody sets it.
 */
export function clockProblems(ground: Ground, now: number): string[] {
  const made = statSync(within(ground, FLOOR), { throwIfNoEntry: false })?.mtimeMs;
  if (made === undefined) return [];
  if (now - made > AHEAD) {
    const said = `The clock says ${dayOf(now)}, and this system is of ${dayOf(made)}`;
    return [`${said}. Is the clock right? ${REMEDY}`];
  }
  const told = Number(readText(within(ground, TOLD)) ?? 0) * 1000;
  const uptime = Number.parseFloat(readText(within(ground, UPTIME)) ?? '') * 1000;
  const isStillSo = Math.abs(now - uptime - made) < START;
  if (!(told - made > AHEAD) || !isStillSo) return [];
  return [
    `The clock said ${dayOf(told)} at the start, which cannot be right, and was set to ${dayOf(made)}. ${REMEDY}`,
  ];
}

const REMEDY = 'It is set as soon as a time server answers; by hand: sudo date -s.';

/** `2026-11-22`; a clock may say what is no date of JavaScript's any more. */
function dayOf(time: number): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? 'no date' : date.toISOString().slice(0, 10);
}
