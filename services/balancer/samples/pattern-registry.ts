import type { PatternSet } from './patterns.ts';

export type PatternKind = 'map' | 'acl';

interface Entry {
  /** Never used again within its list. */
  readonly reference: number;
  readonly key: string;
  /** Of maps. */
  readonly value: string | undefined;
}

/** Where a list is matched: one place of the configuration, with its own way to match. */
export interface PatternUse {
  readonly add: (key: string, value: string | undefined) => void;
  readonly set: Pick<PatternSet<unknown>, 'delete' | 'clear' | 'find'>;
}

/** One file of patterns, or the patterns of one line: what runtime commands look at and change. */
export class PatternList {
  readonly id: number;
  readonly kind: PatternKind;
  /** '' where the patterns stand in the configuration itself. */
  readonly file: string;
  readonly description: string;
  readonly uses: PatternUse[] = [];
  #entries: Entry[] = [];
  #next = 1;

  constructor(id: number, kind: PatternKind, file: string, description: string) {
    this.id = id;
    this.kind = kind;
    this.file = file;
    this.description = description;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** Matches what it holds in one more place, which has it already. */
  load(use: PatternUse, entries: readonly (readonly [key: string, value?: string])[]): void {
    this.uses.push(use);
    // The same file once more: it was read a moment ago.
    if (this.#entries.length > 0) return;
    for (const [key, value] of entries) this.#note(key, value);
  }

  /** Throws ExpressionError when some place cannot match it; then no place does. */
  add(key: string, value: string | undefined): void {
    const done: PatternUse[] = [];
    try {
      for (const use of this.uses) {
        use.add(key, value);
        done.push(use);
      }
    } catch (error) {
      for (const use of done) use.set.delete(key);
      throw error;
    }
    this.#note(key, value);
  }

  /** Gives the entries of that key, or the one entry, another value; false = there is none. */
  change(which: string, value: string): boolean {
    const found = this.find(which);
    for (const entry of found) {
      for (const { set, add } of this.uses) {
        set.delete(entry.key);
        add(entry.key, value);
      }
      const at = this.#entries.indexOf(entry);
      this.#entries[at] = { ...entry, value };
    }
    return found.length > 0;
  }

  delete(which: string): boolean {
    const found = new Set(this.find(which));
    if (found.size === 0) return false;
    this.#entries = this.#entries.filter((entry) => !found.has(entry));
    for (const { key } of found) for (const { set } of this.uses) set.delete(key);
    return true;
  }

  clear(): void {
    this.#entries = [];
    for (const { set } of this.uses) set.clear();
  }

  /** Entries of that key, or the one that `#0x1` names. */
  find(which: string): Entry[] {
    const reference = /^#0x([0-9a-f]{1,8})$/.exec(which)?.[1];
    return this.#entries.filter((entry) =>
      reference === undefined
        ? entry.key === which
        : entry.reference === Number.parseInt(reference, 16),
    );
  }

  #note(key: string, value: string | undefined): void {
    this.#entries.push({ reference: this.#next++, key, value });
  }
}

/** All lists of a configuration, in its order. */
export class PatternRegistry {
  readonly #lists: PatternList[] = [];

  lists(kind: PatternKind): PatternList[] {
    return this.#lists.filter((list) => list.kind === kind);
  }

  /** `#<id>`, or the file. */
  find(kind: PatternKind, which: string): PatternList | undefined {
    return this.lists(kind).find(
      ({ id, file }) => `#${id}` === which || (file !== '' && file === which),
    );
  }

  /** The list of that file, or a new one. */
  list(kind: PatternKind, file: string, description: string): PatternList {
    const known = file === '' ? undefined : this.find(kind, file);
    if (known) return known;
    const list = new PatternList(this.#lists.length, kind, file, description);
    this.#lists.push(list);
    return list;
  }
}
