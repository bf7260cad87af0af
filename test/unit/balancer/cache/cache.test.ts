import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BLOCK, Cache } from '../../../../services/balancer/cache/cache.ts';
import { CacheSession } from '../../../../services/balancer/cache/cache-session.ts';
import { Message } from '../../../../services/balancer/http/message.ts';

const ROOM = 16 * BLOCK;

function newCache(more: { maxSecondaryEntries?: number } = {}): Cache {
  const cache = new Cache('c');
  cache.configure({
    name: 'c',
    totalMaxSize: ROOM,
    maxObjectSize: 4 * BLOCK,
    maxAge: 60,
    processVary: true,
    maxSecondaryEntries: 10,
    ...more,
  });
  return cache;
}

const messageOf = (line: string, fields: Record<string, string>): Message => {
  const text = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return new Message({ text: `${line}\r\n${text.join('')}`, lineLength: line.length });
};
const get = (path: string, fields: Record<string, string> = {}): Message =>
  messageOf(`GET ${path} HTTP/1.1`, { host: 'h', ...fields });
const ok = (fields: Record<string, string> = {}): Message =>
  messageOf('HTTP/1.1 200 OK', { 'cache-control': 'max-age=60', ...fields });

/** One exchange: a hit's body, or undefined after the server's response was stored. */
function exchange(
  cache: Cache,
  request: Message,
  body: string,
  { response = ok(), complete = true }: { response?: Message; complete?: boolean } = {},
): string | undefined {
  const session = new CacheSession();
  session.use(cache, request);
  if (session.hit) return Buffer.concat([...session.hit.entry.body]).toString();
  session.store(cache, request, response);
  session.copy?.add(Buffer.from(body));
  session.copy?.close(complete);
  return undefined;
}

describe('a cache', () => {
  test('gives out what it has, by host and target', () => {
    const cache = newCache();
    expect(exchange(cache, get('/a'), 'one')).toBeUndefined();
    expect(exchange(cache, get('/a'), 'two')).toBe('one');
    expect(exchange(cache, get('/b'), 'two')).toBeUndefined();
    expect(exchange(cache, get('/a', { host: 'g' }), 'two')).toBeUndefined();
    expect(exchange(cache, get('https://h/a'), 'two')).toBe('one');
  });

  test('forgets what was not asked for the longest when it is full', () => {
    const cache = newCache();
    for (let number = 0; number < 16; number++) exchange(cache, get(`/${number}`), `${number}`);
    expect(cache.used).toBe(ROOM);
    expect(exchange(cache, get('/0'), '')).toBe('0');
    exchange(cache, get('/new'), 'new');
    expect(exchange(cache, get('/0'), '')).toBe('0');
    expect(exchange(cache, get('/1'), 'again')).toBeUndefined();
    expect(cache.used).toBe(ROOM);
  });

  test('keeps nothing that is too long or was broken off, and gives its room back', () => {
    const cache = newCache();
    exchange(cache, get('/long'), 'x'.repeat(4 * BLOCK));
    exchange(cache, get('/cut'), 'x', { complete: false });
    expect(cache.used).toBe(0);
    expect(exchange(cache, get('/long'), '')).toBeUndefined();
    expect(exchange(cache, get('/cut'), '')).toBeUndefined();
  });

  test('takes the same thing in once at a time', () => {
    const cache = newCache();
    const [one, other] = [new CacheSession(), new CacheSession()];
    for (const session of [one, other]) {
      session.use(cache, get('/a'));
      session.store(cache, get('/a'), ok());
    }
    expect(one.copy).toBeDefined();
    expect(other.copy).toBeUndefined();
    one.copy?.close(false);
    expect(cache.used).toBe(0);
    expect(exchange(cache, get('/a'), 'a')).toBeUndefined();
    expect(exchange(cache, get('/a'), '')).toBe('a');
  });

  test('keeps a variant for each referer, so many as are allowed', () => {
    const cache = newCache({ maxSecondaryEntries: 2 });
    const response = (): Message => ok({ vary: 'Referer' });
    const from = (referer: string, body: string): string | undefined =>
      exchange(cache, get('/r', { referer }), body, { response: response() });
    from('a', 'A');
    from('b', 'B');
    from('c', 'C');
    expect([from('a', ''), from('b', ''), from('c', '')]).toEqual(['A', 'B', undefined]);
  });

  test('gives a coding to those alone who accept it', () => {
    const cache = newCache();
    const response = ok({ vary: 'accept-encoding', 'content-encoding': 'br' });
    exchange(cache, get('/v', { 'accept-encoding': 'br' }), 'coded', { response });
    const as = (accepted: string): string | undefined =>
      exchange(cache, get('/v', { 'accept-encoding': accepted, pragma: 'x' }), '', {
        response: ok({ 'cache-control': 'no-store' }),
      });
    expect(as('gzip, br')).toBe('coded');
    expect(as('*')).toBe('coded');
    expect(as('br;q=0')).toBeUndefined();
    expect(as('*, br;q=0')).toBeUndefined();
    expect(as('gzip')).toBeUndefined();
  });

  test('holds to its room whatever happens', () => {
    const order = fc.record({
      path: fc.nat(12),
      size: fc.nat(6 * BLOCK),
      end: fc.constantFrom('complete', 'broken', 'never'),
      method: fc.constantFrom('GET', 'GET', 'GET', 'DELETE'),
      vary: fc.boolean(),
    });
    let hits = 0;
    fc.assert(
      fc.property(fc.array(order, { maxLength: 60 }), (orders) => {
        const cache = newCache();
        const open: CacheSession[] = [];
        for (const { path, size, end, method, vary } of orders) {
          const request = messageOf(`${method} /${path} HTTP/1.1`, { host: 'h' });
          const session = new CacheSession();
          session.use(cache, request);
          if (session.hit) hits += 1;
          session.store(cache, request, ok(vary ? { vary: 'accept-encoding' } : {}));
          session.copy?.add(Buffer.alloc(size));
          if (end === 'never') open.push(session);
          else session.copy?.close(end === 'complete');
          expect(cache.used).toBeLessThanOrEqual(ROOM);
        }
        for (const session of open) session.copy?.close(false);
        const kept = [...cache.entries].reduce((sum, entry) => sum + entry.size, 0);
        expect(cache.used).toBe(kept);
      }),
      { numRuns: 200 },
    );
    expect(hits).toBeGreaterThan(0);
  });
});
