/** A `cache` section: HAProxy 2.6 manual, section 6.2. */
export interface CacheConfig {
  readonly name: string;
  /** Bytes of all objects together. */
  readonly totalMaxSize: number;
  /** Bytes of one object with its head. */
  readonly maxObjectSize: number;
  /** Seconds that an object is fresh at most. */
  readonly maxAge: number;
  /** Whether responses with `vary` are kept, a variant each. */
  readonly processVary: boolean;
  /** Variants of one address. */
  readonly maxSecondaryEntries: number;
}

export const DEFAULT_MAX_AGE = 60;
export const DEFAULT_SECONDARY_ENTRIES = 10;
/** An object may take so much of the cache where nothing is said. */
export const DEFAULT_OBJECT_SHARE = 256;
export const MEGABYTE = 1024 * 1024;
