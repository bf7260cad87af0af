import type { Message } from '../http/message.ts';
import { listOf } from '../samples/fetches/http-names.ts';

/**
 * What may be kept and given out again, as HAProxy 2.6 decides (manual, section 6; RFC 9111). Times
 * are seconds unless named otherwise.
 */

const directive = (name: string): RegExp => new RegExp(`^${name}(?:$|[=\\s])`, 'i');
const REQUEST_IGNORES = ['max-age', 'no-cache', 'max-stale', 'min-fresh'].map(directive);
const NO_STORE = directive('no-store');
const PRIVATE = /^(?:private|no-cache|no-store|max-age=0|s-maxage=0)$/i;
const NO_COOKIE = /^no-cache="set-cookie/i;
const FRESHNESS = /^(?:s-maxage|max-age)(?:$|[=\s])/i;

export interface RequestPolicy {
  /** A kept response may answer it. */
  readonly use: boolean;
  /** The server's response may be kept. */
  readonly store: boolean;
}

/** What a request's fields say of caching. */
export function requestPolicy(request: Message): RequestPolicy {
  let use = true;
  let store = true;
  if (request.has('authorization')) return { use: false, store: false };
  const control = listOf(request.values('cache-control'));
  for (const value of control) {
    if (REQUEST_IGNORES.some((each) => each.test(value))) use = false;
    else if (NO_STORE.test(value)) store = false;
  }
  // RFC 9111, 5.4: only where there is no cache-control.
  const pragma = request.values('pragma')[0] ?? '';
  if (control.length === 0 && /^no-cache$/i.test(pragma)) use = false;
  return { use, store };
}

/**
 * Whether a response may be kept, and is worth it. `public` stands above what the request said
 * (RFC 9111, 3.5).
 */
export function isStorable(response: Message, wanted: boolean): boolean {
  let storable = wanted;
  let fresh = false;
  for (const value of listOf(response.values('cache-control'))) {
    if (/^public$/i.test(value)) storable = true;
    else if (PRIVATE.test(value) || NO_COOKIE.test(value)) storable = false;
    else if (FRESHNESS.test(value)) fresh = true;
  }
  if (!fresh) fresh = response.has('expires');
  return storable && (fresh || response.has('etag') || response.has('last-modified'));
}

export interface Freshness {
  /** How long it may be given out. */
  readonly seconds: number;
  /** What the server said; 0 where it said nothing. */
  readonly announced: number;
}

const STALE: Freshness = { seconds: 0, announced: 0 };

/** How long it is fresh, at most `limit`. */
export function freshness(response: Message, limit: number, now: number): Freshness {
  let shared = -1;
  let own = -1;
  for (const value of listOf(response.values('cache-control'))) {
    const found = /^(s-maxage|max-age)="?(\d+)?/i.exec(value);
    if (!found) continue;
    if (found[2] === undefined) return STALE;
    if (found[1]!.length === 'max-age'.length) own = Number(found[2]);
    else shared = Number(found[2]);
  }
  const atMost = (announced: number): Freshness => ({
    seconds: Math.min(announced, limit),
    announced,
  });
  if (shared > 0) return atMost(shared);
  if (own > 0) return atMost(own);
  const expires = response.values('expires')[0];
  if (expires === undefined || own >= 0 || shared >= 0) return { seconds: limit, announced: 0 };
  const at = Date.parse(expires);
  // RFC 9111, 5.3: what is no date is one in the past.
  return Number.isNaN(at) ? STALE : atMost(Math.max(0, Math.floor((at - now) / 1000)));
}

/** When it last changed, milliseconds since 1970. */
export function lastModifiedOf(response: Message, now: number): number {
  for (const name of ['last-modified', 'date']) {
    const at = Date.parse(response.values(name)[0] ?? '');
    if (!Number.isNaN(at)) return at;
  }
  return now;
}

/** Seconds that it was old when it came; undefined where the field says what cannot be. */
export function ageIn(response: Message): number | undefined {
  const text = response.values('age')[0];
  if (text === undefined) return 0;
  // An age of 0 is one that HAProxy does not believe, either.
  return /^0*[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined;
}

/** Whether the client has it already (RFC 9110, 13.1.2 and 13.1.3). */
export function isUnchanged(
  request: Message,
  { etag, lastModified }: { etag: string | undefined; lastModified: number },
): boolean {
  const tags = listOf(request.values('if-none-match'));
  if (tags.length > 0) {
    return tags.some((tag) => tag === '*' || (etag !== undefined && weak(tag) === weak(etag)));
  }
  const since = Date.parse(request.values('if-modified-since')[0] ?? '');
  return !Number.isNaN(since) && Math.floor(lastModified / 1000) <= Math.floor(since / 1000);
}

const weak = (etag: string): string => etag.replace(/^W\//, '');
