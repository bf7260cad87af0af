/** A point in the order of events of the cluster: later ones compare greater. */
export interface Epoch {
  /** Milliseconds since the epoch, or more where events came faster than the clock. */
  time: number;
  /** Tells apart what two nodes do at the same time. */
  node: string;
}

/**
 * A hybrid logical clock (Kulkarni et al., 2014): follows the node's own clock, but never stands
 * behind anything that this node has heard of. So a node whose clock is wrong (a Pi has none of
 * its own) still orders its events after those that it knows.
 */
export class HybridClock {
  readonly #node: string;
  #time = 0;

  constructor(node: string) {
    this.#node = node;
  }

  /** The latest time given or heard. */
  get latest(): number {
    return this.#time;
  }

  next(): Epoch {
    this.#time = Math.max(Date.now(), this.#time + 1);
    return { time: this.#time, node: this.#node };
  }

  observe(time: number): void {
    if (Number.isSafeInteger(time) && time > this.#time) this.#time = time;
  }
}

export function isLater(a: Epoch, b: Epoch): boolean {
  return a.time > b.time || (a.time === b.time && a.node > b.node);
}
