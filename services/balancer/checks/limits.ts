import type { Timeouts } from '../model.ts';

/**
 * How long a connection and an answer may take, milliseconds. Manual, `timeout check`: where it is
 * set, a connection has the shorter of `timeout connect` and `inter`; else `inter` is for all.
 */
export function checkLimits(
  inter: number,
  { check, connect }: Timeouts,
): { connect: number; answer: number } {
  return {
    connect: check === undefined || connect === undefined ? inter : Math.min(inter, connect),
    answer: Math.max(inter, check ?? 0),
  };
}
