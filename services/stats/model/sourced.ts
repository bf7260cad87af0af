/**
 * A value that comes from elsewhere, with how fresh it is. A source that stops answering keeps its
 * last value: a reader can show it as old, and never mistakes silence for zero.
 */
export type Sourced<T> = Pending | Fresh<T> | Stale<T>;

/** Not asked yet, or not answered yet since we started. */
export interface Pending {
  readonly state: 'pending';
  /** Milliseconds since the epoch, as all times here. */
  readonly since: number;
}

export interface Fresh<T> {
  readonly state: 'fresh';
  /** When the value arrived. */
  readonly at: number;
  readonly value: T;
}

export interface Stale<T> {
  readonly state: 'stale';
  /** When the last value arrived; without one, when we first asked in vain. */
  readonly staleSince: number;
  /** What the source does instead, in words: `does not answer: connection refused`. */
  readonly reason: string;
  /** The last value, where there ever was one. */
  readonly value?: T;
}

/** The value, fresh or last known. */
export function lastKnown<T>(source: Sourced<T> | undefined): T | undefined {
  return source === undefined || source.state === 'pending' ? undefined : source.value;
}

/** The same freshness around another value. */
export function mapSourced<T, U>(source: Sourced<T>, to: (value: T) => U): Sourced<U> {
  switch (source.state) {
    case 'pending':
      return source;
    case 'fresh':
      return { state: 'fresh', at: source.at, value: to(source.value) };
    case 'stale': {
      const { staleSince, reason, value } = source;
      const rest = value === undefined ? {} : { value: to(value) };
      return { state: 'stale', staleSince, reason, ...rest };
    }
  }
}
