import type { ClusterEvent } from '#core/contracts/status.ts';

/** An event with a number of our own, for the page's element ids. */
export interface LoggedEvent extends ClusterEvent {
  readonly id: number;
}

const DEFAULT_CAPACITY = 200;
/** Two observers see the same thing at slightly different moments. Milliseconds. */
const SAME_WITHIN = 2000;
/** A peer's text is bounded before it is kept. */
const MAX_TEXT = 300;
const MAX_SUBJECT = 80;
/** The last moment that a Date can hold (ECMA-262, 21.4.1.1), milliseconds. */
const MAX_TIME = 8.64e15;

/** The newest events, newest first; the same one told twice is kept once. */
export class EventLog {
  readonly #capacity: number;
  readonly #keys = new Set<string>();
  #events: readonly LoggedEvent[] = [];
  #nextId = 1;
  /** Events up to here have been pushed out, so an old one told again stays out. */
  #forgotten = Number.NEGATIVE_INFINITY;

  constructor(capacity = DEFAULT_CAPACITY) {
    this.#capacity = capacity;
  }

  /** Immutable: a new array after each change. */
  get events(): readonly LoggedEvent[] {
    return this.#events;
  }

  /** Takes in what is new among `events`, in any order. Returns how many were. */
  add(events: Iterable<ClusterEvent>): number {
    let added = 0;
    let list: LoggedEvent[] | undefined;
    for (const raw of events) {
      if (Math.abs(raw.at) > MAX_TIME) continue;
      const event = bounded(raw);
      const key = keyOf(event);
      if (event.at <= this.#forgotten || this.#keys.has(key)) continue;
      list ??= [...this.#events];
      // Newest first; among equals the one told later stands first.
      const found = list.findIndex((known) => known.at <= event.at);
      const index = found === -1 ? list.length : found;
      if (isEcho(list, index, event)) continue;
      list.splice(index, 0, { id: this.#nextId++, ...event });
      this.#keys.add(key);
      added++;
      if (list.length > this.#capacity) this.#forget(list);
    }
    if (list && added > 0) this.#events = list;
    return added;
  }

  #forget(list: LoggedEvent[]): void {
    const oldest = list.pop()!;
    this.#keys.delete(keyOf(oldest));
    this.#forgotten = oldest.at;
  }
}

/**
 * Whether the same was told just before or after and nothing else about the subject stands
 * between, so that down, up, down within a second stays three events.
 */
function isEcho(list: readonly LoggedEvent[], index: number, event: ClusterEvent): boolean {
  const sameAs = (known: ClusterEvent | undefined): boolean =>
    known !== undefined &&
    known.text === event.text &&
    Math.abs(known.at - event.at) <= SAME_WITHIN;
  const about = (known: ClusterEvent) => known.subject === event.subject;
  return sameAs(list.slice(index).find(about)) || sameAs(list.slice(0, index).findLast(about));
}

function bounded({ at, level, subject, text }: ClusterEvent): ClusterEvent {
  return { at, level, subject: subject.slice(0, MAX_SUBJECT), text: text.slice(0, MAX_TEXT) };
}

function keyOf({ at, subject, text }: ClusterEvent): string {
  return `${at}\n${subject}\n${text}`;
}
