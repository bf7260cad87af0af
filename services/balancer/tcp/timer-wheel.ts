/** What a wheel watches over. */
export interface Watched {
  /**
   * Called when the time may have come, at most one tick late. Returns the moment to look again, or
   * 0 to be forgotten. `now` is the wheel's clock.
   */
  due(now: number): number;
}

/** A watched thing's seat in the wheel; made once, used for its whole life. */
export class Ticket {
  readonly watched: Watched;
  slot = -1;
  previous: Ticket | undefined;
  next: Ticket | undefined;

  constructor(watched: Watched) {
    this.watched = watched;
  }
}

const TICK = 16;
const SLOTS = 1024;
/** Never the slot that is being emptied. */
const FARTHEST = SLOTS - 2;

/** Milliseconds on the wheel's clock, which no change of the wall clock moves. */
export const wheelNow = (): number => performance.now();

/**
 * One timer for any number of inactivity limits. Activity only stamps a number on the owner; when
 * the moment comes that the limit would have passed, the owner says how much longer it has. Slots
 * of 16 ms, 16 s around; what lies farther away is looked at once a turn.
 */
export class TimerWheel {
  readonly #slots: (Ticket | undefined)[] = new Array(SLOTS).fill(undefined);
  #size = 0;
  /** The next tick to run, counted from the clock's zero. */
  #tick = 0;
  #timer: NodeJS.Timeout | undefined;
  #wakeAt = 0;

  /** Watched things now. */
  get size(): number {
    return this.#size;
  }

  /** Looks at the ticket's owner at `moment`, not at the one set before. */
  set(ticket: Ticket, moment: number): void {
    if (ticket.slot >= 0) this.#unlink(ticket);
    const now = wheelNow();
    if (this.#size === 0) this.#tick = Math.floor(now / TICK);
    const wanted = Math.ceil(moment / TICK);
    const tick = Math.min(Math.max(wanted, this.#tick), this.#tick + FARTHEST);
    this.#link(ticket, tick % SLOTS);
    if (!this.#timer || tick * TICK < this.#wakeAt) this.#sleepUntil(tick, now);
  }

  clear(ticket: Ticket): void {
    if (ticket.slot < 0) return;
    this.#unlink(ticket);
    if (this.#size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #run(): void {
    this.#timer = undefined;
    const now = wheelNow();
    const last = Math.floor(now / TICK);
    for (let turns = 0; this.#tick <= last && turns < SLOTS; turns++) {
      const slot = this.#tick % SLOTS;
      this.#tick += 1;
      for (let ticket = this.#slots[slot]; ticket; ticket = this.#slots[slot]) {
        this.#unlink(ticket);
        const again = ticket.watched.due(now);
        if (again > 0 && ticket.slot < 0) this.set(ticket, again);
      }
    }
    if (this.#tick <= last) this.#tick = last;
    if (this.#size > 0 && !this.#timer) this.#sleepUntil(this.#nextUsed(), now);
  }

  #nextUsed(): number {
    for (let ahead = 0; ahead < SLOTS; ahead++) {
      if (this.#slots[(this.#tick + ahead) % SLOTS]) return this.#tick + ahead;
    }
    return this.#tick + SLOTS;
  }

  #sleepUntil(tick: number, now: number): void {
    clearTimeout(this.#timer);
    this.#wakeAt = tick * TICK;
    this.#timer = setTimeout(() => this.#run(), Math.max(1, Math.ceil(this.#wakeAt - now)));
  }

  #link(ticket: Ticket, slot: number): void {
    const head = this.#slots[slot];
    ticket.slot = slot;
    ticket.next = head;
    ticket.previous = undefined;
    if (head) head.previous = ticket;
    this.#slots[slot] = ticket;
    this.#size += 1;
  }

  #unlink(ticket: Ticket): void {
    if (ticket.previous) ticket.previous.next = ticket.next;
    else this.#slots[ticket.slot] = ticket.next;
    if (ticket.next) ticket.next.previous = ticket.previous;
    ticket.slot = -1;
    ticket.previous = undefined;
    ticket.next = undefined;
    this.#size -= 1;
  }
}
