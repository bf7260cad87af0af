import type { StickEntry } from './entry.ts';
import type { StickTable } from './table.ts';

/** HAProxy's MAX_SESS_STKCTR: `track-sc0` to `track-sc2`. */
export const TRACKERS = 3;

export interface Tracked {
  readonly table: StickTable;
  readonly entry: StickEntry;
}

/** The entries that one connection or one request has counters in (manual, `track-sc0`). */
export class Trackers {
  readonly #tracked: (Tracked | undefined)[] = [];

  get(index: number): Tracked | undefined {
    return this.#tracked[index];
  }

  /** Begins to track a key, and counts a connection; the first track of a number holds. */
  track(index: number, table: StickTable, key: string): boolean {
    if (this.#tracked[index]) return false;
    const entry = table.get(key);
    if (!entry) return false;
    entry.enter();
    this.#tracked[index] = { table, entry };
    table.add(entry, 'conn_cur', 1);
    table.add(entry, 'conn_cnt', 1);
    table.add(entry, 'conn_rate', 1);
    table.touch(entry);
    return true;
  }

  /** What they count from here on is sessions. */
  session(): void {
    for (const tracked of this.#tracked) {
      if (!tracked) continue;
      const { table, entry } = tracked;
      table.add(entry, 'sess_cnt', 1);
      table.add(entry, 'sess_rate', 1);
      table.touch(entry);
    }
  }

  /** Ends it. */
  close(): void {
    for (const tracked of this.#tracked) {
      if (!tracked) continue;
      const { table, entry } = tracked;
      entry.leave();
      if ((table.read(entry, 'conn_cur') ?? 0) > 0) table.add(entry, 'conn_cur', -1);
      table.touch(entry);
    }
    this.#tracked.length = 0;
  }
}

/** Trackers of a request and of its connection: a request's own come first. */
export interface TrackerPair {
  readonly trackers?: Trackers | undefined;
  readonly sessionTrackers?: Trackers | undefined;
}

export const trackedBy = (pair: TrackerPair, index: number): Tracked | undefined =>
  pair.trackers?.get(index) ?? pair.sessionTrackers?.get(index);

type Event = 'http_req' | 'http_err' | 'http_fail';

/** Counts an event with everything that is tracked. */
export function countEvent(pair: TrackerPair, event: Event): void {
  if (!pair.trackers && !pair.sessionTrackers) return;
  for (let index = 0; index < TRACKERS; index++) {
    const tracked = trackedBy(pair, index);
    if (tracked) countOne(tracked, event);
  }
}

export function countOne({ table, entry }: Tracked, event: Event): void {
  table.add(entry, `${event}_cnt`, 1);
  table.add(entry, `${event}_rate`, 1);
  table.touch(entry);
}

/** A response of a server: 4xx is the client's fault, 5xx the server's but for 501 and 505. */
export function countStatus(pair: TrackerPair, status: number): void {
  if (status >= 400 && status < 500) countEvent(pair, 'http_err');
  else if (status >= 500 && status !== 501 && status !== 505) countEvent(pair, 'http_fail');
}

/** Bytes that a session or request moved. */
export function countBytes(pair: TrackerPair, bytesIn: number, bytesOut: number): void {
  if (!pair.trackers && !pair.sessionTrackers) return;
  for (let index = 0; index < TRACKERS; index++) {
    const tracked = trackedBy(pair, index);
    if (!tracked) continue;
    const { table, entry } = tracked;
    if (bytesIn > 0) {
      table.add(entry, 'bytes_in_cnt', bytesIn);
      table.add(entry, 'bytes_in_rate', bytesIn);
    }
    if (bytesOut > 0) {
      table.add(entry, 'bytes_out_cnt', bytesOut);
      table.add(entry, 'bytes_out_rate', bytesOut);
    }
    if (bytesIn > 0 || bytesOut > 0) table.touch(entry);
  }
}
