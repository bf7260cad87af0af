import type { StickTableConfig } from './config.ts';
import type { DataName } from './data-types.ts';
import { StickEntry } from './entry.ts';
import { Layout } from './layout.ts';
import { addToRate, RATE_WIDTH, readRate } from './sliding-rate.ts';

const nowMs = (): number => Math.floor(performance.now()) + 1;
const MAX_DELAY = 2_147_483_647;

/**
 * One `stick-table`: what is remembered of keys, in bounded memory. When it is full the entries
 * that were longest without use go, a 256th of the table at once, but none that is being tracked.
 */
export class StickTable {
  readonly config: StickTableConfig;
  readonly layout: Layout;
  readonly #entries = new Map<string, StickEntry>();
  #oldest: StickEntry | undefined;
  #newest: StickEntry | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(config: StickTableConfig) {
    this.config = config;
    this.layout = new Layout(config.store);
  }

  /** Entries now. */
  get used(): number {
    return this.#entries.size;
  }

  /** Room for more. */
  get available(): number {
    return Math.max(0, this.config.size - this.#entries.size);
  }

  /** From the longest without use to the last used. */
  *entries(): Generator<StickEntry> {
    for (let entry = this.#oldest; entry; ) {
      const next = entry.newer;
      yield entry;
      entry = next;
    }
  }

  find(key: string): StickEntry | undefined {
    const entry = this.#entries.get(key);
    if (!entry || !this.#isOver(entry, nowMs())) return entry;
    this.delete(entry);
    return undefined;
  }

  /** The entry of the key, new where there was none; undefined when there is no room. */
  get(key: string): StickEntry | undefined {
    const known = this.find(key);
    if (known) return known;
    if (this.#entries.size >= this.config.size && !this.#makeRoom()) return undefined;
    const entry = new StickEntry(key, this.layout.width);
    this.#entries.set(key, entry);
    this.#append(entry);
    this.#renew(entry);
    return entry;
  }

  /** It was used: it lives on from now. */
  touch(entry: StickEntry): void {
    if (this.#entries.get(entry.key) !== entry) return;
    this.#unlink(entry);
    this.#append(entry);
    this.#renew(entry);
  }

  delete(entry: StickEntry): void {
    if (this.#entries.get(entry.key) !== entry) return;
    this.#entries.delete(entry.key);
    this.#unlink(entry);
  }

  /** Whether the data are stored; `element` of an array. */
  has(name: DataName, element = 0): boolean {
    const slot = this.layout.get(name);
    return slot !== undefined && element < slot.elements;
  }

  /** A counter's value, or a rate's of this moment; undefined where it is not stored. */
  read(entry: StickEntry, name: DataName, element = 0): number | undefined {
    const slot = this.layout.get(name);
    if (!slot || element >= slot.elements || slot.kind === 'text') return undefined;
    if (slot.kind !== 'rate') return entry.data[slot.at + element];
    return readRate(entry.data, slot.at + element * RATE_WIDTH, slot.period, nowMs());
  }

  /** Adds to a counter or a rate, where it is stored. */
  add(entry: StickEntry, name: DataName, amount: number, element = 0): void {
    const slot = this.layout.get(name);
    if (!slot || element >= slot.elements || slot.kind === 'text') return;
    if (slot.kind === 'rate') {
      addToRate(entry.data, slot.at + element * RATE_WIDTH, slot.period, amount, nowMs());
      return;
    }
    const sum = entry.data[slot.at + element]! + amount;
    entry.data[slot.at + element] = slot.kind === 'bytes' ? sum : sum >>> 0;
  }

  /** Sets a counter; a rate begins anew with this many events. */
  set(entry: StickEntry, name: DataName, value: number, element = 0): void {
    const slot = this.layout.get(name);
    if (!slot || element >= slot.elements || slot.kind === 'text') return;
    if (slot.kind !== 'rate') {
      entry.data[slot.at + element] = slot.kind === 'bytes' ? value : value >>> 0;
      return;
    }
    const at = slot.at + element * RATE_WIDTH;
    entry.data[at] = nowMs();
    entry.data[at + 1] = value;
    entry.data[at + 2] = 0;
  }

  /** Milliseconds until the entry is forgotten; 0 = never, or now. */
  remaining({ expire }: StickEntry): number {
    return expire === 0 ? 0 : Math.max(0, expire - nowMs());
  }

  /**
   * Goes on with the entries of the table of this name before a reload, where keys are of the same
   * kind: what both store stays.
   */
  takeOver(previous: StickTable): void {
    const { type, length, size } = this.config;
    if (type !== previous.config.type || length !== previous.config.length) return;
    for (const from of previous.entries()) {
      if (this.#entries.size >= size) break;
      const entry = this.get(from.key);
      if (!entry) break;
      entry.serverKey = from.serverKey;
      for (const slot of this.layout.slots) {
        const old = previous.layout.get(slot.name);
        // Sessions under way give back what they hold at the former table.
        if (!old || slot.name === 'conn_cur' || old.period !== slot.period) continue;
        const width = slot.kind === 'rate' ? RATE_WIDTH : slot.kind === 'text' ? 0 : 1;
        const length = Math.min(old.elements, slot.elements) * width;
        entry.data.set(from.data.subarray(old.at, old.at + length), slot.at);
      }
      if (from.expire !== 0 && entry.expire !== 0) entry.expire = from.expire;
    }
  }

  /** Forgets everything. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#entries.clear();
    this.#oldest = undefined;
    this.#newest = undefined;
  }

  #isOver({ expire, users }: StickEntry, now: number): boolean {
    return expire !== 0 && users === 0 && expire <= now;
  }

  #renew(entry: StickEntry): void {
    const { expire } = this.config;
    if (expire === undefined) return;
    entry.expire = nowMs() + expire;
    this.#timer ??= this.#purgeIn(expire);
  }

  #purgeIn(delay: number): NodeJS.Timeout {
    return setTimeout(() => this.#purge(), Math.min(Math.max(delay, 1), MAX_DELAY)).unref();
  }

  /** Forgets what is over; all live equally long, so those stand in front. */
  #purge(): void {
    this.#timer = undefined;
    const now = nowMs();
    for (const entry of this.entries()) {
      if (this.#isOver(entry, now)) {
        this.delete(entry);
      } else if (entry.users > 0 && entry.expire <= now) {
        this.touch(entry);
      } else {
        this.#timer ??= this.#purgeIn(entry.expire - now);
        return;
      }
    }
  }

  #makeRoom(): boolean {
    if (this.config.nopurge) return false;
    let wanted = (this.config.size >> 8) + 1;
    for (const entry of this.entries()) {
      if (entry.users > 0) continue;
      this.delete(entry);
      wanted -= 1;
      if (wanted === 0) break;
    }
    return this.#entries.size < this.config.size;
  }

  #append(entry: StickEntry): void {
    entry.older = this.#newest;
    entry.newer = undefined;
    if (this.#newest) this.#newest.newer = entry;
    else this.#oldest = entry;
    this.#newest = entry;
  }

  #unlink(entry: StickEntry): void {
    const { older, newer } = entry;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    if (newer) newer.older = older;
    else this.#newest = older;
    entry.older = undefined;
    entry.newer = undefined;
  }
}
