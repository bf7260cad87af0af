/**
 * How long a subscriber that is behind may make no progress and still hold publishers, milliseconds
 * that this process was running: on a machine that is too busy for it the subscribers wait as well.
 */
const GRACE = 250;
/** Resolution of that, milliseconds. */
const TICK = 25;
/** Progress is a queue that has become shorter by this share of its limit. */
const PROGRESS = 1 / 16;
/** Longest hold of a publisher at a time, milliseconds. */
const HOLD = 10;
/** Behind means above this share of the limit; caught up means below the other. */
const BEHIND = 1 / 2;
const CAUGHT_UP = 1 / 8;

/**
 * Holds a publisher back for a moment while a subscriber that otherwise keeps up is behind, so
 * that bursts are not lost. Whoever makes no progress for GRACE has no such say any more: a frozen
 * or very slow subscriber loses its own messages and delays nobody.
 */
export class Pressure {
  #raised = false;
  #relief: Promise<void> | undefined;
  #release: (() => void) | undefined;
  readonly #behind = new Set<Backlog>();
  #timer: NodeJS.Timeout | undefined;
  /** Runs while somebody is behind; a tick that comes late counts as one. Milliseconds. */
  time = TICK;

  /** Whether a subscriber of this node is behind for whom publishers are held. */
  get high(): boolean {
    for (const { elsewhere } of this.#behind) if (!elsewhere) return true;
    return false;
  }

  raise(backlog: Backlog): void {
    this.#raised = true;
    this.#behind.add(backlog);
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#tick(), TICK);
    this.#timer.unref();
  }

  /** Asked by a publisher after each message: what it has to wait for, if anything. */
  take(): Promise<void> | undefined {
    if (!this.#raised) return undefined;
    this.#raised = false;
    this.#relief ??= new Promise((resolve) => {
      const timer = setTimeout(() => this.#end(), HOLD);
      this.#release = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return this.#relief;
  }

  #tick(): void {
    this.time += TICK;
    for (const backlog of this.#behind) if (!backlog.counts) this.#behind.delete(backlog);
    if (this.#behind.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Somebody has caught up. */
  caughtUp(backlog: Backlog): void {
    this.#behind.delete(backlog);
    this.#end();
  }

  #end(): void {
    this.#release?.();
    this.#release = undefined;
    this.#relief = undefined;
  }
}

export interface BacklogOptions {
  /** How long it may make no progress, milliseconds. */
  grace?: number;
  elsewhere?: boolean;
}

/** Watches one bounded queue and raises the pressure while its owner deserves it. */
export class Backlog {
  readonly #pressure: Pressure;
  readonly #limit: number;
  readonly #grace: number;
  /** What waits is on its way to other nodes. */
  readonly elsewhere: boolean;
  /** When it fell behind or last made progress; 0 = it has caught up. */
  #since = 0;
  /** Its longest since then. */
  #peak = 0;

  constructor(pressure: Pressure, limit: number, options: BacklogOptions = {}) {
    this.#pressure = pressure;
    this.#limit = limit;
    this.#grace = options.grace ?? GRACE;
    this.elsewhere = options.elsewhere ?? false;
  }

  /** Whether it is behind and has made progress of late. */
  get counts(): boolean {
    return this.#since !== 0 && this.#pressure.time - this.#since < this.#grace;
  }

  /** Tells the present length; called with each change that may matter. */
  update(length: number): void {
    if (length > this.#limit * BEHIND) {
      const now = this.#pressure.time;
      if (this.#since === 0 || length < this.#peak - this.#limit * PROGRESS) {
        this.#since = now;
        this.#peak = length;
      } else if (length > this.#peak) {
        this.#peak = length;
      }
      if (now - this.#since < this.#grace) this.#pressure.raise(this);
    } else if (this.#since !== 0 && length < this.#limit * CAUGHT_UP) {
      this.#since = 0;
      this.#pressure.caughtUp(this);
    }
  }
}
