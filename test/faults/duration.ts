/** `BRAMBLE_FAULTS=long`: the durations and sizes that the promises name, not CI's. */
export const LONG = process.env.BRAMBLE_FAULTS === 'long';

/** Milliseconds, by the form of the run. */
export function seconds(short: number, long: number): number {
  return (LONG ? long : short) * 1_000;
}
