import { LAST_SESSION, MAXIMA, PLAIN } from './counter-cells.ts';
import type { Counters } from './counters.ts';
import type { MovingAverage, RateCounter } from './rate.ts';

/** A rate or an average of all workers, read as one worker's own is. */
interface Reading {
  readonly max: number;
  read(now?: number): number;
}

type Readings =
  | 'sessionRate'
  | 'connectionRate'
  | 'requestRate'
  | 'qtime'
  | 'ctime'
  | 'rtime'
  | 'ttime';

/** What all workers have counted. */
export type Totals = { readonly [name in (typeof PLAIN)[number]]: number } & {
  readonly [name in Readings]: Reading;
} & { readonly lastSession: number | undefined };

/** Adds up the rows of all workers; a maximum is the largest that anybody has seen of the whole. */
export function totalsOf(counters: Counters, rows: readonly Float64Array[], now: number): Totals {
  const plain: Record<string, number> = {};
  for (const [index, name] of PLAIN.entries()) {
    const values = rows.map((row) => row[index]!);
    plain[name] = MAXIMA.has(name)
      ? Math.max(...values)
      : values.reduce((sum, value) => sum + value, 0);
  }
  const last = Math.max(...rows.map((row) => row[LAST_SESSION]!));
  const rate = (one: RateCounter): Reading => ({
    max: one.maxOfAll,
    read: (at = now) => one.readAll(at),
  });
  const average = (one: MovingAverage): Reading => ({
    max: one.maxOfAll,
    read: () => one.readAll(),
  });
  return {
    ...(plain as { [name in (typeof PLAIN)[number]]: number }),
    lastSession: last || undefined,
    sessionRate: rate(counters.sessionRate),
    connectionRate: rate(counters.connectionRate),
    requestRate: rate(counters.requestRate),
    qtime: average(counters.qtime),
    ctime: average(counters.ctime),
    rtime: average(counters.rtime),
    ttime: average(counters.ttime),
  };
}
