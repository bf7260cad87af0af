import { tableNow } from './clock.ts';
import type { StickTableConfig } from './config.ts';
import type { DataName } from './data-types.ts';
import type { StickEntry } from './entry.ts';
import { Layout, type Slot } from './layout.ts';
import { addToRate, RATE_WIDTH, readRate } from './sliding-rate.ts';

const MAX_DELAY = 2_147_483_647;

/**
 * One `stick-table`: what is remembered of keys, in bounded memory. When it is full the entries
 * that were longest without use go, a 256th of the table at once, but none that is being tracked.
 */
export abstract class StickTable<Entry extends StickEntry = StickEntry> {
  readonly config: StickTableConfig;
  readonly layout: Layout;
  #timer: NodeJS.Timeout | undefined;

  constructor(config: StickTableConfig) {
    this.config = config;
    this.layout = new Layout(config.store);
  }

  /** Entries now. */
  abstract get used(): number;

  /** From the longest without use to the last used. */
  abstract entries(): Iterable<Entry>;

  /** The entry of the key, unless its time is over. */
  abstract find(key: string): Entry | undefined;

  /** The entry of the key, new where there was none; undefined when there is no room. */
  abstract get(key: string): Entry | undefined;

  /** It was used: it lives on from now. */
  abstract touch(entry: Entry): void;

  abstract delete(entry: Entry): void;

  /** What it remembers; undefined when the entry is gone. */
  protected abstract dataOf(entry: Entry): Float64Array | undefined;

  /** When its time is over, on the tables' clock; 0 = never. */
  protected abstract expiryOf(entry: Entry): number;
  protected abstract setExpiry(entry: Entry, at: number): void;

  /** Forgets what is over; returns milliseconds until more will be, undefined for never. */
  protected abstract purge(now: number): number | undefined;

  /** Forgets everything. */
  protected abstract clear(): void;

  /** Runs `change` on the entry while nobody else has it. */
  protected exclusive(change: () => void): void {
    change();
  }

  /** Room for more. */
  get available(): number {
    return Math.max(0, this.config.size - this.used);
  }

  /** Whether the data are stored; `element` of an array. */
  has(name: DataName, element = 0): boolean {
    return this.#slotOf(name, element) !== undefined || this.layout.get(name)?.kind === 'text';
  }

  /** A counter's value, or a rate's of this moment; undefined where it is not stored. */
  read(entry: Entry, name: DataName, element = 0): number | undefined {
    const slot = this.#slotOf(name, element);
    if (!slot) return undefined;
    const data = this.dataOf(entry);
    if (!data) return 0;
    if (slot.kind !== 'rate') return data[slot.at + element];
    return readRate(data, slot.at + element * RATE_WIDTH, slot.period, tableNow());
  }

  /** Adds to a counter or a rate, where it is stored. */
  add(entry: Entry, name: DataName, amount: number, element = 0): void {
    const slot = this.#slotOf(name, element);
    if (!slot) return;
    this.exclusive(() => {
      const data = this.dataOf(entry);
      if (!data) return;
      if (slot.kind === 'rate') {
        addToRate(data, slot.at + element * RATE_WIDTH, slot.period, amount, tableNow());
        return;
      }
      const sum = Math.max(0, data[slot.at + element]! + amount);
      data[slot.at + element] = slot.kind === 'bytes' ? sum : sum >>> 0;
    });
  }

  /** Sets a counter; a rate begins anew with this many events. */
  set(entry: Entry, name: DataName, value: number, element = 0): void {
    const slot = this.#slotOf(name, element);
    if (!slot) return;
    this.exclusive(() => {
      const data = this.dataOf(entry);
      if (!data) return;
      if (slot.kind !== 'rate') {
        data[slot.at + element] = slot.kind === 'bytes' ? value : value >>> 0;
        return;
      }
      data.set([tableNow(), value, 0], slot.at + element * RATE_WIDTH);
    });
  }

  /** Milliseconds until the entry is forgotten; 0 = never, or now. */
  remaining(entry: Entry): number {
    const at = this.expiryOf(entry);
    return at === 0 ? 0 : Math.max(0, at - tableNow());
  }

  /**
   * Goes on with the entries of the table of this name before a reload, where keys are of the same
   * kind: what both store stays.
   */
  takeOver(previous: StickTable): void {
    const { type, length, size } = this.config;
    if (type !== previous.config.type || length !== previous.config.length) return;
    for (const from of previous.entries()) {
      if (this.used >= size) break;
      const entry = this.get(from.key);
      if (!entry) break;
      const [source, target] = [previous.dataOf(from), this.dataOf(entry)];
      entry.serverKey = from.serverKey;
      for (const slot of this.layout.slots) {
        const old = previous.layout.get(slot.name);
        // Sessions under way give back what they hold at the former table.
        if (!old || slot.name === 'conn_cur' || old.period !== slot.period) continue;
        const width = slot.kind === 'rate' ? RATE_WIDTH : slot.kind === 'text' ? 0 : 1;
        const count = Math.min(old.elements, slot.elements) * width;
        if (source) target?.set(source.subarray(old.at, old.at + count), slot.at);
      }
      const at = previous.expiryOf(from);
      if (at !== 0 && this.expiryOf(entry) !== 0) this.setExpiry(entry, at);
    }
  }

  /** Forgets everything. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.clear();
  }

  /** Looks for what is over in so many milliseconds, unless it will do so anyway. */
  protected purgeIn(delay: number): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        const next = this.purge(tableNow());
        if (next !== undefined) this.purgeIn(next);
      },
      Math.min(Math.max(delay, 1), MAX_DELAY),
    ).unref();
  }

  #slotOf(name: DataName, element: number): Slot | undefined {
    const slot = this.layout.get(name);
    return slot && element < slot.elements && slot.kind !== 'text' ? slot : undefined;
  }
}
