import { tableNow } from './clock.ts';
import { OwnEntry } from './entry.ts';
import { StickTable } from './table.ts';

/** The table of a process that serves with one worker. */
export class OwnTable extends StickTable<OwnEntry> {
  readonly #entries = new Map<string, OwnEntry>();
  #oldest: OwnEntry | undefined;
  #newest: OwnEntry | undefined;

  get used(): number {
    return this.#entries.size;
  }

  *entries(): Generator<OwnEntry> {
    for (let entry = this.#oldest; entry; ) {
      const next = entry.newer;
      yield entry;
      entry = next;
    }
  }

  find(key: string): OwnEntry | undefined {
    const entry = this.#entries.get(key);
    if (!entry || !isOver(entry, tableNow())) return entry;
    this.delete(entry);
    return undefined;
  }

  get(key: string): OwnEntry | undefined {
    const known = this.find(key);
    if (known) return known;
    if (this.#entries.size >= this.config.size && !this.#makeRoom()) return undefined;
    const entry = new OwnEntry(key, this.layout.width);
    this.#entries.set(key, entry);
    this.#append(entry);
    this.#renew(entry);
    return entry;
  }

  touch(entry: OwnEntry): void {
    if (this.#entries.get(entry.key) !== entry) return;
    this.#unlink(entry);
    this.#append(entry);
    this.#renew(entry);
  }

  delete(entry: OwnEntry): void {
    if (this.#entries.get(entry.key) !== entry) return;
    this.#entries.delete(entry.key);
    this.#unlink(entry);
  }

  protected dataOf(entry: OwnEntry): Float64Array {
    return entry.data;
  }

  protected expiryOf({ expire }: OwnEntry): number {
    return expire;
  }

  protected setExpiry(entry: OwnEntry, at: number): void {
    entry.expire = at;
  }

  /** All live equally long, so those whose time is over stand in front. */
  protected purge(now: number): number | undefined {
    for (const entry of this.entries()) {
      if (isOver(entry, now)) this.delete(entry);
      else if (entry.users > 0 && entry.expire <= now) this.touch(entry);
      else return entry.expire - now;
    }
    return undefined;
  }

  protected clear(): void {
    this.#entries.clear();
    this.#oldest = undefined;
    this.#newest = undefined;
  }

  #renew(entry: OwnEntry): void {
    const { expire } = this.config;
    if (expire === undefined) return;
    entry.expire = tableNow() + expire;
    this.purgeIn(expire);
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

  #append(entry: OwnEntry): void {
    entry.older = this.#newest;
    entry.newer = undefined;
    if (this.#newest) this.#newest.newer = entry;
    else this.#oldest = entry;
    this.#newest = entry;
  }

  #unlink(entry: OwnEntry): void {
    const { older, newer } = entry;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    if (newer) newer.older = older;
    else this.#newest = older;
    entry.older = undefined;
    entry.newer = undefined;
  }
}

const isOver = ({ expire, users }: OwnEntry, now: number): boolean =>
  expire !== 0 && users === 0 && expire <= now;
