import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BodyFlow } from '../../../../services/balancer/http/body-flow.ts';
import { ChunkedReader } from '../../../../services/balancer/http/chunked.ts';
import { BODY_CHUNKED, fieldsOf, INCOMPLETE } from '../../../../services/balancer/http/head.ts';
import { parseRequestHead } from '../../../../services/balancer/http/request-head.ts';
import { parseResponseHead } from '../../../../services/balancer/http/response-head.ts';
import { bytes } from './heads.ts';

const SEEDS = [
  'GET /index.html?a=b HTTP/1.1\r\nHost: example.test\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n',
  'POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n',
  'PUT /x HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n',
  'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n',
  'GET / HTTP/1.0\r\nX: a\r\n  folded\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\n',
  'HTTP/1.0 304 Not Modified\nETag: "x"\n\n',
].map(bytes);

/** Bytes that mean something to the grammar, more often than chance would have them. */
const byte = fc.oneof(
  fc.constantFrom(...bytes('\r\n\t :,;\0\x7f\xff/*0aZ')),
  fc.integer({ min: 0, max: 255 }),
);
const mutation = fc.record({
  at: fc.nat(200),
  kind: fc.constantFrom('set', 'insert', 'delete', 'cut', 'double'),
  byte,
});
const mutated = fc
  .tuple(fc.constantFrom(...SEEDS), fc.array(mutation, { maxLength: 6 }))
  .map(([seed, mutations]) => {
    const list = [...seed];
    for (const { at, kind, byte: value } of mutations) {
      const where = at % (list.length + 1);
      if (kind === 'set') list[where % Math.max(list.length, 1)] = value;
      else if (kind === 'insert') list.splice(where, 0, value);
      else if (kind === 'delete') list.splice(where, 1);
      else if (kind === 'cut') list.length = where;
      else list.splice(where, 0, ...list.slice(where));
    }
    return Buffer.from(list);
  });

const parsers = {
  request: (input: Buffer) => parseRequestHead(input, 0, input.length),
  response: (input: Buffer) => parseResponseHead(input, 0, input.length, 'GET'),
};

describe.each(Object.entries(parsers))('%s heads', (name, parse) => {
  test('mutations never throw, and what passes is canonical for good', () => {
    let passed = 0;
    let runs = 0;
    fc.assert(
      fc.property(mutated, (input) => {
        runs += 1;
        const head = parse(input);
        if (typeof head === 'number') return;
        passed += 1;
        expect(head.consumed).toBeLessThanOrEqual(input.length);
        expect(head.text).not.toMatch(/[^\r]\n|\r[^\n]|\n[ \t]|\0/);
        for (const [field] of fieldsOf(head)) expect(field).toMatch(/^[!#$%&'*+\-.^_`|~0-9a-z]+$/);
        // A second parser, however lax, sees the same message: canonical text is a fixed point.
        const again = parse(bytes(`${head.text}\r\n`));
        if (typeof again === 'number') throw new Error(`refused its own text with ${again}`);
        expect(again.text).toBe(head.text);
        if (name === 'request') expect(again.body).toBe(head.body);
      }),
      { numRuns: 20_000 },
    );
    console.log(`${name} heads: ${passed} of ${runs} mutations passed`);
    expect(passed).toBeGreaterThan(runs / 20);
  }, 60_000);

  test('a head in pieces is incomplete up to its last byte, or refused for good', () => {
    fc.assert(
      fc.property(mutated, (input) => {
        const whole = parse(input);
        let refused: number | undefined;
        for (let length = 0; length < input.length; length++) {
          const part = parse(input.subarray(0, length));
          if (refused !== undefined) expect(part).toBe(refused);
          if (typeof part !== 'number') {
            expect(part.consumed).toBeLessThanOrEqual(length);
            return;
          }
          if (part !== INCOMPLETE) refused = part;
        }
        if (refused !== undefined) expect(whole).toBe(refused);
      }),
      { numRuns: 3000 },
    );
  }, 60_000);
});

const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 });
const lineEnd = fc.constantFrom('\r\n', '\n');
const extension = fc.constantFrom('', '', ';a', ';a="b;c"', ' ');
const style = fc.record({ lineEnd, extension, trailer: fc.constantFrom('', 'X-T: v\r\n') });
const cuts = fc.array(fc.nat(400), { maxLength: 12 });

function encode(
  parts: readonly Uint8Array[],
  how: { lineEnd: string; extension: string; trailer: string },
): Buffer {
  const pieces = parts.flatMap((part) => [
    bytes(`${part.length.toString(16)}${how.extension}${how.lineEnd}`),
    Buffer.from(part),
    bytes(how.lineEnd),
  ]);
  return Buffer.concat([
    ...pieces,
    bytes(`0${how.extension}${how.lineEnd}${how.trailer}${how.lineEnd}`),
  ]);
}

function inPieces(all: Buffer, at: readonly number[]): Buffer[] {
  const points = [...new Set(at.map((point) => point % (all.length + 1)))].sort((a, b) => a - b);
  return [0, ...points].map((from, index) => all.subarray(from, points[index] ?? all.length));
}

describe('chunked bodies', () => {
  test('cut anywhere, the same canonical bytes come out, and decode to what went in', () => {
    fc.assert(
      fc.property(chunks, style, cuts, (parts, how, at) => {
        const wire = encode(parts, how);
        const reader = new ChunkedReader();
        const out: Buffer[] = [];
        let counted = 0;
        for (const piece of inPieces(Buffer.concat([wire, bytes('NEXT')]), at)) {
          if (reader.done) break;
          expect(reader.feed(piece, 0)).toBeGreaterThanOrEqual(0);
          out.push(...reader.output.map((each) => Buffer.from(each)));
          counted += reader.counted;
        }
        expect(reader.done).toBe(true);
        const trailer = how.trailer.toLowerCase();
        expect(Buffer.concat(out)).toEqual(
          encode(parts, { lineEnd: '\r\n', extension: '', trailer }),
        );
        const data = parts.reduce((sum, part) => sum + part.length, 0);
        expect(counted).toBe(data + 1 + (trailer === '' ? 0 : 4));
      }),
      { numRuns: 5000 },
    );
  }, 60_000);

  test('noise never throws, and never yields more than it was given', () => {
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 200 }), cuts, (noise, at) => {
        const flow = new BodyFlow(BODY_CHUNKED);
        for (const piece of inPieces(Buffer.from(noise), at)) {
          const next = flow.collect(piece, 0);
          if (next < 0 || flow.done) return;
          expect(next).toBe(piece.length);
        }
      }),
      { numRuns: 10_000 },
    );
  }, 60_000);
});

test('a body by length takes its bytes and no more, however they come', () => {
  fc.assert(
    fc.property(fc.nat(300), cuts, (length, at) => {
      const all = Buffer.alloc(length + 50, 'x');
      const flow = new BodyFlow(length);
      let taken = 0;
      for (const piece of inPieces(all, at)) {
        if (flow.done) break;
        const next = flow.collect(piece, 0);
        const size = flow.output.reduce((sum, each) => sum + each.length, 0);
        expect(size).toBe(next);
        taken += next;
      }
      expect(flow.done).toBe(true);
      expect(taken).toBe(length);
    }),
  );
});
