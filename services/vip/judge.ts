/** What is known about this node at one moment. */
export interface Facts {
  /** The network card that has the node's address, if one has. */
  card: string | undefined;
  /** How many other nodes there are, and how many of them are reached. */
  peers: number;
  reached: number;
  /** Whether another node that is reached can serve clients. */
  otherServes: boolean;
  /** Whether the gateway answers; undefined where there is none to ask. */
  gateway: boolean | undefined;
  /** Why this node cannot serve clients; undefined: it can. */
  unable: string | undefined;
  /** Who wants it to take no clients. */
  drainedBy: readonly string[];
}

/**
 * Why this node must not have the virtual addresses; nothing: it may.
 *
 * With three nodes or more only one side of a split network has a majority, so at most one has the
 * addresses. Two nodes cannot tell a split from the other's death: whoever hears neither the other
 * nor the gateway is the one that is cut off. What keeps this node from serving counts only while
 * another one can: an address without service still shows its owner the page.
 */
export function judge(facts: Facts): string[] {
  const { card, peers, reached, otherServes, gateway, unable, drainedBy } = facts;
  const reasons: string[] = [];
  if (card === undefined) reasons.push("no network card has this node's address");
  const nodes = peers + 1;
  if (nodes > 2 && (reached + 1) * 2 <= nodes) {
    reasons.push(`reaches ${reached} of ${peers} other nodes, which is no majority`);
  }
  if (nodes === 2 && reached === 0 && gateway === false) {
    reasons.push('reaches neither the other node nor the gateway');
  }
  if (otherServes) {
    if (unable !== undefined) reasons.push(unable);
    if (drainedBy.length > 0) reasons.push(`drained by ${drainedBy.join(', ')}`);
  }
  return reasons;
}

/**
 * Turns what is judged into what keepalived is told: that something is wrong at once, that all is
 * well only when it has been so for a while, since a node that comes and goes serves nobody.
 */
export class Verdict {
  readonly #settle: number;
  readonly #yield: number;
  #fault = true;
  #well: number | undefined;
  /** When it was yes for the first time. */
  #first = Infinity;

  /**
   * `settle` and `yielding` in milliseconds: for the latter a node that has just started leaves
   * addresses that prefer another one to that one, so that each has its own after all have started.
   */
  constructor(settle: number, yielding = 0) {
    this.#settle = settle;
    this.#yield = yielding;
  }

  get fault(): boolean {
    return this.#fault;
  }

  /** The same for addresses that prefer another node. */
  yields(now: number): boolean {
    return this.#fault || now - this.#first < this.#yield;
  }

  /** Returns true when the answer has changed. */
  update(reasons: readonly string[], now: number): boolean {
    if (reasons.length > 0) {
      this.#well = undefined;
      if (this.#fault) return false;
      this.#fault = true;
      return true;
    }
    this.#well ??= now;
    if (!this.#fault || now - this.#well < this.#settle) return false;
    this.#fault = false;
    this.#first = Math.min(this.#first, now);
    return true;
  }
}
