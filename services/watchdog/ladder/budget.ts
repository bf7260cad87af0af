/** Reboots that the watchdog may ask for, at most, in this time. Milliseconds. */
export const REBOOTS = 2;
export const WINDOW = 6 * 3_600_000;

/**
 * How many reboots are left. `reboots` are wall-clock milliseconds. A Pi has no clock of its own:
 * one that stands in the future was written before the clock went back, and counts.
 */
export function rebootsLeft(reboots: readonly number[], now: number): number {
  const recent = reboots.filter((at) => at > now - WINDOW);
  return Math.max(0, REBOOTS - recent.length);
}
