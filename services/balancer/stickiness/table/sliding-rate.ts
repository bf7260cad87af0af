/**
 * Events in a sliding period as HAProxy computes them: those of the running period, and of the one
 * before the share that the sliding window still covers. Three numbers of an array: when the
 * running period began, its events, those of the one before.
 */
export const RATE_WIDTH = 3;

/** Counts `events` at the time `now`, milliseconds. */
export function addToRate(
  data: Float64Array,
  at: number,
  period: number,
  events: number,
  now: number,
): void {
  const began = data[at]!;
  if (now - began >= period) {
    const next = began + period;
    const missed = now - next >= period;
    data[at] = missed ? now : next;
    data[at + 2] = missed ? 0 : data[at + 1]!;
    data[at + 1] = 0;
  }
  data[at + 1] = data[at + 1]! + events;
}

/** Events in the period that ends `now`. */
export function readRate(data: Float64Array, at: number, period: number, now: number): number {
  let current = data[at + 1]!;
  let past = data[at + 2]!;
  let remain = data[at]! + period - now;
  if (remain < 0) {
    remain += period;
    past = remain >= 0 ? current : 0;
    current = 0;
  }
  // A single event would else come and go between two readings.
  if (current === 0 && past <= 1) return past;
  return Math.floor((past * remain + current * period) / period);
}
