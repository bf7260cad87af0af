/** Keys counted at a time; beyond, the oldest is forgotten. */
const KEYS_MAX = 10_000;

/** How often something happened to each key within a window that starts with its first time. */
export class WindowCount {
  readonly #counts = new Map<string, { count: number; since: number }>();

  get size(): number {
    return this.#counts.size;
  }

  /** Counts once more; returns the count within the window (milliseconds) until now. */
  add(key: string, now: number, window: number): number {
    const known = this.#counts.get(key);
    if (known !== undefined && now - known.since <= window) return ++known.count;
    this.#counts.delete(key);
    if (this.#counts.size >= KEYS_MAX) {
      this.#counts.delete(this.#counts.keys().next().value!);
    }
    this.#counts.set(key, { count: 1, since: now });
    return 1;
  }

  delete(key: string): void {
    this.#counts.delete(key);
  }

  sweep(now: number, window: number): void {
    for (const [key, { since }] of this.#counts) {
      if (now - since > window) this.#counts.delete(key);
    }
  }
}
