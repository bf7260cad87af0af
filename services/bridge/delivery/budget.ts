/** Bytes that may wait for Kafka in memory, of all mappings of one bridge together. */
const TOTAL = 16 << 20;

/**
 * What one of so many mappings may let wait, bytes: what it asks for, as long as there is enough for
 * all. The process has a bound on its memory, which many mappings behind at once must not reach.
 */
export function shareOf(wanted: number, mappings: number): number {
  return Math.min(wanted, Math.floor(TOTAL / Math.max(1, mappings)));
}
