import { describe, expect, test } from 'vitest';
import type { HttpCase } from '../support/http-cases.ts';
import { see, startHttp } from '../support/http-side-by-side.ts';
import { BOTH } from '../support/side-by-side.ts';

const QUIET = { quiet: 1200, limit: 3000 };
const CASES: readonly HttpCase[] = [
  {
    name: 'a body that has come',
    pieces: ['POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc'],
  },
  {
    name: 'one that comes in parts',
    pieces: ['POST /2 HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nab', 'cd', 'ef'],
  },
  {
    name: 'one in chunks',
    pieces: [
      'POST /3 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab',
      '\r\n1\r\n',
      'c\r\n0\r\n\r\n',
    ],
    differs: ['origin'],
  },
  {
    name: 'one that the client is slow with, and never silent for too long',
    pieces: [
      'POST /4 HTTP/1.1\r\nhost: a\r\ncontent-length: 30\r\n\r\n',
      ...Array.from({ length: 30 }, () => 'x'),
    ],
    talk: QUIET,
  },
  {
    name: 'one that never becomes whole',
    pieces: ['POST /5 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nab'],
    talk: QUIET,
  },
  {
    name: 'a client that ends before its body',
    pieces: ['POST /6 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nab'],
    talk: { fin: true, ...QUIET },
  },
  {
    name: 'a client that ends within a chunk',
    pieces: ['POST /7 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n'],
    talk: { fin: true, ...QUIET },
  },
];

describe('option http-buffer-request, side by side with HAProxy', () => {
  test.each([
    ['in a frontend', { frontend: ' option http-buffer-request\n' }],
    ['in a backend', { backend: ' option http-buffer-request\n' }],
  ])('%s has the body before the rules', async (_name, where) => {
    const rules = ` http-request set-header x-body "%[req.body],%[req.body_len]"\n`;
    const options = {
      frontend: (where as { frontend?: string }).frontend,
      backend: (where as { backend?: string }).backend,
    };
    const more = {
      timeouts: ' timeout client 500ms\n',
      ...(options.frontend === undefined ? {} : { frontend: options.frontend + rules }),
      ...(options.backend === undefined ? {} : { backend: options.backend + rules }),
    };
    const seen: unknown[][] = [];
    for (const which of BOTH) {
      await using setup = await startHttp(which, more);
      const all: unknown[] = [];
      for (const one of CASES) {
        const { status, end, origin, log } = await see(setup, one);
        const read = one.differs?.includes('origin') ? /x-body: (.*)/.exec(origin)?.[1] : origin;
        all.push({ name: one.name, status, end, origin: read, log });
      }
      seen.push(all);
    }
    const [haproxy, bramble] = seen;
    expect(bramble).toEqual(haproxy);
    expect(JSON.stringify(haproxy)).toContain('x-body: abc,3');
    console.log(`${CASES.length} requests compared`);
  });
});
