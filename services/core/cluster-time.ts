/** Clocks that differ by less are taken for the same, milliseconds: answers wait on a busy Pi. */
const TOLERANCE = 2_000;
/** A clock that was not heard of for so long counts no more, milliseconds. */
const SILENCE = 5_000;
/** A difference must last for so many looks. */
const LOOKS = 3;

/**
 * What time it is, as most nodes of the cluster have it. A Pi has no clock of its own: one that
 * starts is hours behind until it hears a time server, and then jumps. What all nodes must agree
 * about, when a session or a message expires, follows no such jump of a single one.
 *
 * It runs with the monotonic clock and is set to the median of the nodes' clocks; of two, to the
 * earlier one, which ends nothing too soon. A node alone follows its own.
 */
export class ClusterTime {
  readonly #wall: () => number;
  readonly #monotonic: () => number;
  /** Cluster time less the monotonic clock. */
  #base: number;
  /** The same of other nodes' clocks, and when they were heard. */
  readonly #others = new Map<string, { base: number; heard: number }>();
  #off = 0;
  #joined = false;

  constructor(wall: () => number = Date.now, monotonic: () => number = () => performance.now()) {
    this.#wall = wall;
    this.#monotonic = monotonic;
    this.#base = wall() - monotonic();
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return Math.round(this.#base + this.#monotonic());
  }

  /** Another node's own clock shows `wall`, milliseconds since the epoch. */
  hear(node: string, wall: unknown): void {
    if (typeof wall !== 'number' || !Number.isSafeInteger(wall) || wall < 0) return;
    const heard = this.#monotonic();
    this.#others.set(node, { base: wall - heard, heard });
  }

  /** Compares; to be called about once a second. */
  settle(): void {
    const now = this.#monotonic();
    const clocks = [this.#wall() - now];
    for (const [node, { base, heard }] of this.#others) {
      if (now - heard > SILENCE) this.#others.delete(node);
      else clocks.push(base);
    }
    clocks.sort((a, b) => a - b);
    const agreed = clocks[(clocks.length - 1) >> 1]!;
    const first = !this.#joined && clocks.length > 1;
    this.#joined ||= clocks.length > 1;
    if (Math.abs(agreed - this.#base) <= TOLERANCE) this.#off = 0;
    else if (++this.#off >= LOOKS || first) {
      this.#base = agreed;
      this.#off = 0;
    }
  }
}

/** Of this process: there is one time. */
export const clusterTime = new ClusterTime();
