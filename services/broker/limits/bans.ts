export const BAN_KINDS = ['client', 'user', 'address'] as const;
export type BanKind = (typeof BAN_KINDS)[number];

/** Who may not connect for a time. Times are milliseconds since the epoch. */
export interface Ban {
  kind: BanKind;
  /** Client id, user name, or address (an IPv6 one as its /64). */
  value: string;
  why: string;
  /** `flapping`, `logins`, or the admin who set it. */
  by: string;
  since: number;
  until: number;
}

/** What the nodes tell each other. */
export type BanNews = { set: Ban } | { lift: { kind: BanKind; value: string } };

/** Whether a message of another node is one that we can take. */
export function isBanNews(value: unknown): value is BanNews {
  const { set, lift } = (value ?? {}) as { set?: Partial<Ban>; lift?: Partial<Ban> };
  const subject = set ?? lift;
  if (!BAN_KINDS.some((kind) => kind === subject?.kind) || typeof subject?.value !== 'string') {
    return false;
  }
  return lift !== undefined || (Number.isFinite(set?.until) && Number.isFinite(set?.since));
}

/** Bans kept at a time; beyond, the one that ends first goes. */
const BANS_MAX = 10_000;

/** The bans of the cluster, in memory: each node tells the others, and all of them forget in time. */
export class Bans {
  readonly #bans = new Map<string, Ban>();
  /** Called with what was decided on this node. */
  onNews: (news: BanNews) => void = () => {};
  /** Called with each ban that another node has told of. */
  onHeard: (ban: Ban) => void = () => {};
  /** Bans that this node has imposed by itself. */
  imposed = 0;

  get size(): number {
    return this.#bans.size;
  }

  /** The ban that holds now; undefined = none. */
  find(kind: BanKind, value: string): Ban | undefined {
    if (this.#bans.size === 0) return undefined;
    const ban = this.#bans.get(`${kind} ${value}`);
    return ban !== undefined && ban.until > Date.now() ? ban : undefined;
  }

  *all(): Generator<Ban> {
    const now = Date.now();
    for (const ban of this.#bans.values()) if (ban.until > now) yield ban;
  }

  set(ban: Ban): void {
    this.#put(ban);
    this.onNews({ set: ban });
  }

  /** Returns whether there was one. */
  lift(kind: BanKind, value: string): boolean {
    const known = this.find(kind, value) !== undefined;
    this.#bans.delete(`${kind} ${value}`);
    this.onNews({ lift: { kind, value } });
    return known;
  }

  /** Takes what another node has decided. */
  hear(news: BanNews): void {
    if ('lift' in news) {
      this.#bans.delete(`${news.lift.kind} ${news.lift.value}`);
    } else if (news.set.until > Date.now()) {
      this.#put(news.set);
      this.onHeard(news.set);
    }
  }

  sweep(): void {
    const now = Date.now();
    for (const [key, { until }] of this.#bans) if (until <= now) this.#bans.delete(key);
  }

  #put(ban: Ban): void {
    const key = `${ban.kind} ${ban.value}`;
    if (!this.#bans.has(key) && this.#bans.size >= BANS_MAX) {
      let first: string | undefined;
      let ends = Number.POSITIVE_INFINITY;
      for (const [candidate, { until }] of this.#bans) {
        if (until < ends) [first, ends] = [candidate, until];
      }
      if (first !== undefined) this.#bans.delete(first);
    }
    this.#bans.set(key, ban);
  }
}
