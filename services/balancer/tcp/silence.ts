import type { End } from './end.ts';

/**
 * When an end will have been silent too long: only while something is expected of it, which is to
 * take what is being written, or to send when it may.
 */
export function momentOf(end: End, limit: number | undefined): number {
  if (limit === undefined || !(end.writing || end.reading)) return Number.POSITIVE_INFINITY;
  return end.active + limit;
}
