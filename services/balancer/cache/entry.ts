/** What tells variants of one address apart: RFC 9111, 4.1. */
export interface Variant {
  /** Codings of the body in order, where the response varies with `accept-encoding`. */
  readonly encoding: string | undefined;
  /** The request's `referer`, where the response varies with it. */
  readonly referer: string | undefined;
}

/** One response that is kept. */
export interface CacheEntry {
  readonly key: string;
  readonly variant: Variant | undefined;
  /** Head in canonical form, without the empty line and without `age`. */
  readonly text: string;
  readonly lineLength: number;
  readonly chunked: boolean;
  readonly body: readonly Buffer[];
  /** Bytes of the body. */
  readonly length: number;
  /** Bytes that it takes from the cache's room. */
  readonly size: number;
  /** When the server said so, and until when it holds, milliseconds since 1970. */
  readonly storedAt: number;
  readonly expiresAt: number;
  /** Seconds that it was old when it came. */
  readonly age: number;
  /** Milliseconds since 1970. */
  readonly lastModified: number;
  readonly etag: string | undefined;
}

/** Longest age that is told, seconds (RFC 9111, 1.2.2). */
const MAX_AGE = 2 ** 31 - 1;

/** Seconds since it left its origin (RFC 9111, 4.2.3). */
export function ageOf({ storedAt, age }: CacheEntry, now: number): number {
  return Math.min(age + Math.max(0, Math.floor(now / 1000) - Math.floor(storedAt / 1000)), MAX_AGE);
}
