import type { ClusterEvent } from '#core/contracts/status.ts';

/** How many events are kept. */
const KEPT = 200;

/** What happened lately, oldest first, for the page's timeline. */
export class Journal {
  readonly #events: ClusterEvent[] = [];

  add(level: ClusterEvent['level'], subject: string, text: string): void {
    this.#events.push({ at: Date.now(), level, subject, text });
    if (this.#events.length > KEPT) this.#events.shift();
  }

  get events(): readonly ClusterEvent[] {
    return this.#events;
  }
}
