import type { CacheConfig } from './config.ts';
import type { CacheEntry, Variant } from './entry.ts';

/** Unit of what a cache's room is counted in (HAProxy's blocks). */
export const BLOCK = 1024;

const same = (a: Variant | undefined, b: Variant | undefined): boolean =>
  a?.encoding === b?.encoding && a?.referer === b?.referer;

/**
 * Responses in memory, up to a fixed number of bytes; the one that was not asked for the longest
 * goes first. What is being received counts, too.
 */
export class Cache {
  readonly name: string;
  #config: CacheConfig | undefined;
  /** Oldest use first. */
  readonly #recent = new Set<CacheEntry>();
  readonly #byKey = new Map<string, CacheEntry[]>();
  /** Keys of what is being received, with its variant. */
  readonly #incoming = new Map<string, (Variant | undefined)[]>();
  #used = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Undefined until its section was read: a rule may name it before. */
  get config(): CacheConfig | undefined {
    return this.#config;
  }

  configure(config: CacheConfig): void {
    this.#config = config;
  }

  /** Bytes in use. */
  get used(): number {
    return this.#used;
  }

  get entries(): Iterable<CacheEntry> {
    return this.#recent;
  }

  /** Fresh responses for the key; what is over is forgotten. */
  variants(key: string, now: number): readonly CacheEntry[] {
    const found = this.#byKey.get(key);
    if (!found) return NONE;
    if (found.some(({ expiresAt }) => expiresAt <= now)) {
      for (const entry of [...found]) if (entry.expiresAt <= now) this.#remove(entry);
      return this.#byKey.get(key) ?? NONE;
    }
    return found;
  }

  /** It was asked for. */
  touch(entry: CacheEntry): void {
    if (this.#recent.delete(entry)) this.#recent.add(entry);
  }

  /** Whether the same thing is on its way in already, or has too many variants. */
  refuses(key: string, variant: Variant | undefined, now: number): boolean {
    const incoming = this.#incoming.get(key) ?? [];
    if (incoming.some((each) => same(each, variant))) return true;
    if (variant === undefined) return false;
    const known = this.variants(key, now).filter((entry) => !same(entry.variant, variant));
    return known.length + incoming.length >= (this.#config?.maxSecondaryEntries ?? 0);
  }

  begin(key: string, variant: Variant | undefined): void {
    const incoming = this.#incoming.get(key);
    if (incoming) incoming.push(variant);
    else this.#incoming.set(key, [variant]);
  }

  /** What was begun has come to an end. */
  over(key: string, variant: Variant | undefined): void {
    const incoming = this.#incoming.get(key);
    if (!incoming) return;
    const at = incoming.findIndex((each) => same(each, variant));
    if (at >= 0) incoming.splice(at, 1);
    if (incoming.length === 0) this.#incoming.delete(key);
  }

  /** Takes room, from what was not asked for the longest where it must; false = there is none. */
  reserve(bytes: number): boolean {
    const limit = this.#config?.totalMaxSize ?? 0;
    for (const entry of this.#recent) {
      if (this.#used + bytes <= limit) break;
      this.#remove(entry);
    }
    if (this.#used + bytes > limit) return false;
    this.#used += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#used -= bytes;
  }

  /** Keeps an entry whose room was reserved, in place of its former self. */
  put(entry: CacheEntry): void {
    for (const other of [...(this.#byKey.get(entry.key) ?? [])]) {
      const obsolete = (other.variant === undefined) !== (entry.variant === undefined);
      if (obsolete || same(other.variant, entry.variant)) this.#remove(other);
    }
    this.#recent.add(entry);
    const variants = this.#byKey.get(entry.key);
    if (variants) variants.push(entry);
    else this.#byKey.set(entry.key, [entry]);
  }

  /** Forgets every variant of the key (RFC 9111, 4.4). */
  invalidate(key: string): void {
    for (const entry of [...(this.#byKey.get(key) ?? [])]) this.#remove(entry);
  }

  #remove(entry: CacheEntry): void {
    if (!this.#recent.delete(entry)) return;
    this.#used -= entry.size;
    const variants = this.#byKey.get(entry.key);
    if (!variants) return;
    variants.splice(variants.indexOf(entry), 1);
    if (variants.length === 0) this.#byKey.delete(entry.key);
  }
}

const NONE: readonly CacheEntry[] = [];
