import type { Message } from '../http/message.ts';
import type { BodyCopy } from '../http/response-filter.ts';
import { BLOCK, type Cache } from './cache.ts';
import type { CacheEntry, Variant } from './entry.ts';
import {
  ageIn,
  freshness,
  isStorable,
  isUnchanged,
  lastModifiedOf,
  requestPolicy,
} from './policy.ts';
import { suits, variantOf, type Wanted, wantedOf } from './vary.ts';

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** A kept response that answers a request. */
export interface CacheHit {
  /** Of the cache. */
  readonly name: string;
  readonly entry: CacheEntry;
  /** The client has it already: the head alone is sent, as a 304. */
  readonly unchanged: boolean;
}

/** What `cache-use` and `cache-store` do for one request. */
export class CacheSession {
  hit: CacheHit | undefined;
  /** Set where the response under way is to be kept. */
  copy: BodyCopy | undefined;
  #key: string | undefined;
  #storable = false;
  #wanted: Wanted | undefined;

  /**
   * `http-request cache-use`: looks for a response that may be given out again. Returns false
   * where the request does not want one, so that nobody counts it.
   */
  use(cache: Cache, request: Message): boolean {
    this.#key = keyOf(request);
    const policy = requestPolicy(request);
    this.#storable = policy.store;
    const { method } = request;
    const wanted = request.version === '1.1' && (method === 'GET' || method === 'HEAD');
    if (this.#key === undefined || !wanted || !policy.use) return false;
    if (cache.config?.processVary) this.#wanted = wantedOf(request);
    const found = cache
      .variants(this.#key, Date.now())
      .find(({ variant }) => suits(variant, this.#wanted));
    if (!found) return true;
    cache.touch(found);
    this.hit = { name: cache.name, entry: found, unchanged: isUnchanged(request, found) };
    return true;
  }

  /** `http-response cache-store`: keeps the response that is about to come, where that is right. */
  store(cache: Cache, request: Message, response: Message): void {
    const { config } = cache;
    const key = this.#key;
    if (this.hit || this.copy || !config || key === undefined) return;
    if (request.version !== '1.1') return;
    const { status } = response;
    if (request.method !== 'GET') {
      if (status >= 200 && status < 400 && !SAFE.has(request.method)) cache.invalidate(key);
      return;
    }
    if (status !== 200 || !isStorable(response, this.#storable)) return;
    const length = Number(response.values('content-length')[0] ?? 0);
    if (length > config.maxObjectSize) return;
    if (response.has('vary') && !config.processVary) return;
    const variant = variantOf(this.#wanted, response);
    if (variant === false) return;
    const now = Date.now();
    if (cache.refuses(key, variant, now)) return;
    const { seconds, announced } = freshness(response, config.maxAge, now);
    const age = ageIn(response);
    if (age === undefined || age > announced) return;
    response.remove('age');
    const writer = new EntryWriter(cache, key, variant, response, { age, seconds, now });
    if (writer.begin()) this.copy = writer;
  }
}

/** The absolute address, whichever way it was written (RFC 9110, 4.2.3). */
function keyOf(request: Message): string | undefined {
  const { target } = request;
  if (!target.startsWith('/')) return target;
  const host = request.values('host')[0];
  return host === undefined ? undefined : `https://${host}${target}`;
}

interface Times {
  /** Seconds that it was old when it came, and that it stays fresh. */
  readonly age: number;
  readonly seconds: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Takes a response into a cache while it passes. */
class EntryWriter implements BodyCopy {
  readonly #cache: Cache;
  readonly #key: string;
  readonly #variant: Variant | undefined;
  readonly #head: Pick<
    CacheEntry,
    'text' | 'lineLength' | 'chunked' | 'etag' | 'lastModified' | 'storedAt' | 'expiresAt' | 'age'
  >;
  readonly #body: Buffer[] = [];
  #length = 0;
  #reserved = 0;
  #open = false;

  constructor(
    cache: Cache,
    key: string,
    variant: Variant | undefined,
    response: Message,
    { age, seconds, now }: Times,
  ) {
    this.#cache = cache;
    this.#key = key;
    this.#variant = variant;
    this.#head = {
      text: response.text,
      lineLength: response.lineLength,
      chunked: response.has('transfer-encoding'),
      etag: response.values('etag')[0],
      lastModified: lastModifiedOf(response, now),
      storedAt: now,
      expiresAt: now + seconds * 1000,
      age,
    };
  }

  /** False where there is no room for it. */
  begin(): boolean {
    if (!this.#reserve(this.#head.text.length)) return false;
    this.#cache.begin(this.#key, this.#variant);
    this.#open = true;
    return true;
  }

  add(data: Buffer): void {
    if (!this.#open) return;
    this.#length += data.length;
    const limit = this.#cache.config?.maxObjectSize ?? 0;
    const size = this.#head.text.length + this.#length;
    if (size > limit || !this.#reserve(size)) {
      this.close(false);
      return;
    }
    // A copy: a slice would keep the whole read alive that it came in.
    this.#body.push(Buffer.from(data));
  }

  close(complete: boolean): void {
    if (!this.#open) return;
    this.#open = false;
    this.#cache.over(this.#key, this.#variant);
    if (!complete) {
      this.#cache.release(this.#reserved);
      this.#body.length = 0;
      return;
    }
    this.#cache.put({
      ...this.#head,
      key: this.#key,
      variant: this.#variant,
      body: this.#body,
      length: this.#length,
      size: this.#reserved,
    });
  }

  /** Room for `size` bytes in all, by whole blocks. */
  #reserve(size: number): boolean {
    const wanted = Math.ceil(size / BLOCK) * BLOCK;
    const more = wanted - this.#reserved;
    if (more <= 0) return true;
    if (!this.#cache.reserve(more)) return false;
    this.#reserved = wanted;
    return true;
  }
}
