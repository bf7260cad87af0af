import { tableNow } from './clock.ts';
import type { StickTableConfig } from './config.ts';
import type { StickEntry } from './entry.ts';
import { DATA, ENTRY, EXPIRE, HEAD, NONE, type TableMemory, TableView } from './shared-memory.ts';
import { StickTable } from './table.ts';

/**
 * The table of a process that serves with several workers: it lies in memory that all of them see,
 * and each change is made under one lock, so that any worker reads what any other has just counted.
 * When a worker dies, what it tracked is given back; when it dies in the middle of a change, the
 * table begins anew.
 */
export class SharedTable extends StickTable<SharedEntry> {
  readonly #view: TableView;
  /** Handles of entries by their place, while the same entry is there. */
  readonly #handles = new Map<number, SharedEntry>();

  /** `worker` counts from 0. */
  constructor(config: StickTableConfig, memory: TableMemory, worker: number) {
    super(config);
    this.#view = new TableView(memory, worker);
  }

  get used(): number {
    return this.#view.ints[HEAD.used]!;
  }

  entries(): SharedEntry[] {
    const view = this.#view;
    return view.locked(() => {
      const found: SharedEntry[] = [];
      for (let place = view.ints[HEAD.oldest]!; place !== NONE; ) {
        found.push(this.#handle(place));
        place = view.ints[view.at(place) + ENTRY.newer]!;
      }
      return found;
    });
  }

  find(key: string): SharedEntry | undefined {
    return this.#view.locked(() => {
      const place = this.#find(key);
      return place === NONE ? undefined : this.#handle(place);
    });
  }

  get(key: string): SharedEntry | undefined {
    return this.#view.locked(() => {
      let place = this.#find(key);
      if (place === NONE) place = this.#create(key);
      return place === NONE ? undefined : this.#handle(place);
    });
  }

  touch(entry: SharedEntry): void {
    this.#view.locked(() => {
      if (entry.gone) return;
      this.#unlink(entry.place);
      this.#append(entry.place);
      this.#renew(entry.place);
    });
  }

  delete(entry: SharedEntry): void {
    this.#view.locked(() => {
      if (!entry.gone && entry.users === 0) this.#remove(entry.place);
    });
  }

  /** A worker is gone: it tracks nothing any more. */
  forget(worker: number): void {
    const view = this.#view;
    if (view.heldBy(worker)) {
      view.clear();
      view.unlock();
    }
    for (const entry of this.entries()) {
      const at = view.at(entry.place) + ENTRY.users + worker;
      const users = view.ints[at]!;
      view.ints[at] = 0;
      if (users > 0 && this.has('conn_cur')) this.add(entry, 'conn_cur', -users);
    }
  }

  protected dataOf(entry: SharedEntry): Float64Array | undefined {
    return entry.gone ? undefined : entry.data;
  }

  protected expiryOf({ place }: SharedEntry): number {
    return this.#view.numbers[this.#view.numbersAt(place) + EXPIRE]!;
  }

  protected setExpiry({ place }: SharedEntry, at: number): void {
    this.#view.numbers[this.#view.numbersAt(place) + EXPIRE] = at;
  }

  protected override exclusive(change: () => void): void {
    this.#view.locked(change);
  }

  protected purge(now: number): number | undefined {
    const view = this.#view;
    return view.locked(() => {
      for (let place = view.ints[HEAD.oldest]!; place !== NONE; ) {
        const { newer } = this.#around(place);
        const expire = this.#expiry(place);
        if (this.#isOver(place, now)) this.#remove(place);
        else if (expire <= now) {
          this.#unlink(place);
          this.#append(place);
          this.#renew(place);
        } else return expire - now;
        place = newer;
      }
      return undefined;
    });
  }

  /** The memory outlives this view on it. */
  protected clear(): void {
    this.#handles.clear();
  }

  #handle(place: number): SharedEntry {
    let handle = this.#handles.get(place);
    if (!handle || handle.gone) {
      handle = new SharedEntry(this.#view, place);
      this.#handles.set(place, handle);
    }
    return handle;
  }

  #find(key: string): number {
    const view = this.#view;
    let place = view.ints[view.bucketOf(key)]!;
    while (place !== NONE && view.keyOf(place) !== key) {
      place = view.ints[view.at(place) + ENTRY.chain]!;
    }
    if (place === NONE || !this.#isOver(place, tableNow())) return place;
    this.#remove(place);
    return NONE;
  }

  #create(key: string): number {
    const view = this.#view;
    const { ints } = view;
    let place = ints[HEAD.free]!;
    if (place === NONE && ints[HEAD.fresh]! >= view.size && !this.#makeRoom()) return NONE;
    place = ints[HEAD.free]!;
    if (place !== NONE) ints[HEAD.free] = ints[view.at(place) + ENTRY.chain]!;
    else {
      place = ints[HEAD.fresh]! + 1;
      ints[HEAD.fresh] = place;
    }
    const at = view.at(place);
    const bucket = view.bucketOf(key);
    ints.fill(0, at + ENTRY.server, at + ENTRY.users + view.workers);
    ints[at + ENTRY.chain] = ints[bucket]!;
    ints[bucket] = place;
    const numbers = view.numbersAt(place);
    view.numbers.fill(0, numbers, numbers + DATA + this.layout.width);
    view.setKey(place, key);
    ints[HEAD.used] = ints[HEAD.used]! + 1;
    this.#append(place);
    this.#renew(place);
    return place;
  }

  #remove(place: number): void {
    const view = this.#view;
    const { ints } = view;
    const at = view.at(place);
    let link = view.bucketOf(view.keyOf(place));
    while (ints[link] !== place) link = view.at(ints[link]!) + ENTRY.chain;
    ints[link] = ints[at + ENTRY.chain]!;
    this.#unlink(place);
    ints[at + ENTRY.generation] = ints[at + ENTRY.generation]! + 1;
    ints[at + ENTRY.chain] = ints[HEAD.free]!;
    ints[HEAD.free] = place;
    ints[HEAD.used] = ints[HEAD.used]! - 1;
  }

  #makeRoom(): boolean {
    const { ints } = this.#view;
    if (this.config.nopurge) return false;
    let wanted = (this.config.size >> 8) + 1;
    for (let place = ints[HEAD.oldest]!; place !== NONE && wanted > 0; ) {
      const { newer } = this.#around(place);
      if (usersOf(this.#view, place) === 0) {
        this.#remove(place);
        wanted -= 1;
      }
      place = newer;
    }
    return ints[HEAD.free] !== NONE;
  }

  #expiry(place: number): number {
    return this.#view.numbers[this.#view.numbersAt(place) + EXPIRE]!;
  }

  #isOver(place: number, now: number): boolean {
    const expire = this.#expiry(place);
    return expire !== 0 && expire <= now && usersOf(this.#view, place) === 0;
  }

  #renew(place: number): void {
    const { expire } = this.config;
    if (expire === undefined) return;
    this.#view.numbers[this.#view.numbersAt(place) + EXPIRE] = tableNow() + expire;
    this.purgeIn(expire);
  }

  #around(place: number): { older: number; newer: number } {
    const { ints } = this.#view;
    const at = this.#view.at(place);
    return { older: ints[at + ENTRY.older]!, newer: ints[at + ENTRY.newer]! };
  }

  #append(place: number): void {
    const { ints } = this.#view;
    const newest = ints[HEAD.newest]!;
    ints[this.#view.at(place) + ENTRY.older] = newest;
    ints[this.#view.at(place) + ENTRY.newer] = NONE;
    if (newest === NONE) ints[HEAD.oldest] = place;
    else ints[this.#view.at(newest) + ENTRY.newer] = place;
    ints[HEAD.newest] = place;
  }

  #unlink(place: number): void {
    const { ints } = this.#view;
    const { older, newer } = this.#around(place);
    if (older === NONE) ints[HEAD.oldest] = newer;
    else ints[this.#view.at(older) + ENTRY.newer] = newer;
    if (newer === NONE) ints[HEAD.newest] = older;
    else ints[this.#view.at(newer) + ENTRY.older] = older;
  }
}

/** One worker's handle on an entry; it is good as long as the entry is there. */
export class SharedEntry implements StickEntry {
  readonly key: string;
  readonly place: number;
  readonly data: Float64Array;
  readonly #view: TableView;
  readonly #at: number;
  readonly #generation: number;

  constructor(view: TableView, place: number) {
    this.#view = view;
    this.place = place;
    this.#at = view.at(place);
    this.#generation = view.ints[this.#at + ENTRY.generation]!;
    this.key = view.keyOf(place);
    this.data = view.dataOf(place);
  }

  /** Whether another entry may be in its place by now. */
  get gone(): boolean {
    return this.#view.ints[this.#at + ENTRY.generation] !== this.#generation;
  }

  get serverKey(): string {
    return this.#view.locked(() => (this.gone ? '' : this.#view.serverOf(this.place)));
  }

  set serverKey(name: string) {
    this.#view.locked(() => {
      if (!this.gone) this.#view.setServer(this.place, name);
    });
  }

  get users(): number {
    return this.gone ? 0 : usersOf(this.#view, this.place);
  }

  enter(): void {
    this.#count(1);
  }

  leave(): void {
    this.#count(-1);
  }

  #count(change: number): void {
    const { ints, worker } = this.#view;
    this.#view.locked(() => {
      const at = this.#at + ENTRY.users + worker;
      if (!this.gone) ints[at] = Math.max(0, ints[at]! + change);
    });
  }
}

function usersOf(view: TableView, place: number): number {
  const from = view.at(place) + ENTRY.users;
  let users = 0;
  for (let at = from; at < from + view.workers; at++) users += view.ints[at]!;
  return users;
}
