import { gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Compressor } from '../../../../services/balancer/compression/compressor.ts';
import type { Algorithm } from '../../../../services/balancer/compression/config.ts';
import { ChunkedReader } from '../../../../services/balancer/http/chunked.ts';
import { BODY_CHUNKED } from '../../../../services/balancer/http/head.ts';
import { PayloadReader } from '../../../../services/balancer/http/payload-reader.ts';
import { ResponseFilter } from '../../../../services/balancer/http/response-filter.ts';

const DECODERS: Record<Algorithm, (data: Buffer) => Buffer> = {
  identity: (data) => data,
  gzip: gunzipSync,
  deflate: inflateSync,
  'raw-deflate': inflateRawSync,
};

test.each(Object.keys(DECODERS) as Algorithm[])('%s comes back as it was', (algorithm) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (pieces) => {
      const compressor = new Compressor(algorithm);
      const parts = pieces.map((piece) => compressor.push(Buffer.from(piece)));
      const whole = Buffer.concat([...parts, compressor.end()]);
      expect(DECODERS[algorithm](whole)).toEqual(Buffer.concat(pieces));
    }),
    { numRuns: 300 },
  );
});

test('the checksum of a large body is right', () => {
  const data = Buffer.alloc(3_000_000, 255);
  for (const algorithm of ['gzip', 'deflate'] as const) {
    const compressor = new Compressor(algorithm);
    const whole = Buffer.concat([compressor.push(data), compressor.push(data), compressor.end()]);
    expect(DECODERS[algorithm](whole).equals(Buffer.concat([data, data]))).toBe(true);
  }
});

/** The pieces as chunks, cut into buffers somewhere else. */
const chunked = fc
  .tuple(
    fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 })),
    fc.array(fc.nat(20), { minLength: 1 }),
    fc.boolean(),
  )
  .map(([pieces, cuts, trailers]) => {
    const parts = pieces.flatMap((piece) => [
      Buffer.from(`${piece.length.toString(16)}\r\n`),
      Buffer.from(piece),
      Buffer.from('\r\n'),
    ]);
    const end = trailers ? '0\r\nx-sum: 1\r\n\r\n' : '0\r\n\r\n';
    const whole = Buffer.concat([...parts, Buffer.from(end)]);
    const inputs: Buffer[] = [];
    for (let at = 0, turn = 0; at < whole.length; turn++) {
      const length = cuts[turn % cuts.length]! + 1;
      inputs.push(whole.subarray(at, at + length));
      at += length;
    }
    return { payload: Buffer.concat(pieces), inputs, end };
  });

test('the payload of chunks is found, wherever they are cut', () => {
  fc.assert(
    fc.property(chunked, ({ payload, inputs, end }) => {
      const reader = new ChunkedReader();
      const target = new PayloadReader(BODY_CHUNKED);
      const found: Buffer[] = [];
      for (const input of inputs) {
        expect(reader.feed(input, 0)).toBe(input.length);
        found.push(...target.read([...reader.output]));
      }
      expect(reader.done).toBe(true);
      expect(Buffer.concat(found)).toEqual(payload);
      expect(Buffer.concat(target.trailers).toString()).toBe(end);
    }),
    { numRuns: 500 },
  );
});

test('a compressed body is framed so that a reader finds its end and its payload', () => {
  fc.assert(
    fc.property(chunked, ({ payload, inputs }) => {
      const flow = new ChunkedReader();
      let [taken, given] = [0, 0];
      const filter = new ResponseFilter({
        body: BODY_CHUNKED,
        algorithm: 'gzip',
        copy: undefined,
        count: (input, output) => {
          taken += input;
          given += output;
        },
      });
      const sent: Buffer[] = [];
      for (const input of inputs) {
        flow.feed(input, 0);
        sent.push(...filter.pass(flow));
      }
      const client = new ChunkedReader();
      const wire = Buffer.concat(sent);
      expect(client.feed(wire, 0)).toBe(wire.length);
      expect(client.done).toBe(true);
      const data = new PayloadReader(BODY_CHUNKED).read([...client.output]);
      expect(gunzipSync(Buffer.concat(data))).toEqual(payload);
      // The end of the chunks counts as one byte.
      expect(taken).toBe(payload.length + 1);
      expect(given).toBe(Buffer.concat(data).length);
    }),
    { numRuns: 300 },
  );
});
