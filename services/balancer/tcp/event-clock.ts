/**
 * Two clocks that stand still while one event of a connection is handled, which takes microseconds
 * and asks them a dozen times. Outside of events they are the runtime's own.
 */
let now = 0;
let date = 0;

/** Milliseconds on the clock of performance.now(). */
export const eventNow = (): number => now || performance.now();

/** Milliseconds since the epoch. */
export const eventDate = (): number => date || Date.now();

/** To be followed by `endEvent` whatever happens. */
export function beginEvent(): void {
  now = performance.now();
  date = Date.now();
}

export function endEvent(): void {
  now = 0;
  date = 0;
}
