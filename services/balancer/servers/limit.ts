/**
 * Most sessions of a server while its backend has so many: from `minconn` up to `maxconn`, which
 * it reaches at `fullconn` (manual, section 5.2 `minconn`). undefined = any number.
 */
export function limitAt(
  maxconn: number | undefined,
  minconn: number | undefined,
  fullconn: number | undefined,
  sessions: number,
): number | undefined {
  if (maxconn === undefined || minconn === undefined || fullconn === undefined) return maxconn;
  if (minconn >= maxconn || sessions >= fullconn) return maxconn;
  return Math.max(minconn, Math.floor((sessions * maxconn) / fullconn));
}
