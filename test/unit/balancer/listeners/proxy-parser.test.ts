import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  PROXY_HEADER_MAX,
  parseProxyHeader,
  textOfSix,
} from '../../../../services/balancer/listeners/proxy-parser.ts';
import {
  bytesOfSix,
  encodeCheckHeader,
  encodeProxyHeader,
} from '../../../../services/balancer/tcp/proxy-header.ts';

const v4 = fc.ipV4();
const v6 = fc.ipV6();
const port = fc.integer({ min: 0, max: 65_535 });
const ends = fc.oneof(
  fc.record({ host: v4, localHost: v4, port, localPort: port }),
  fc.record({ host: v6, localHost: v6, port, localPort: port }),
  fc.record({ host: v4, localHost: v6, port, localPort: port }),
);
const version = fc.constantFrom('v1' as const, 'v2' as const);

const canonical = (host: string): string => textOfSix(Buffer.from(bytesOfSix(host)), 0);

const FOREIGN = 'Received something which does not look like a PROXY protocol header';
const INVALID = 'Received an invalid PROXY protocol header';
const UNHANDLED = 'Received an unhandled protocol in the PROXY protocol header';
const TRUNCATED = 'Truncated PROXY protocol header received';

describe('PROXY header', () => {
  it('comes out as it went in, with what follows left alone', () => {
    fc.assert(
      fc.property(version, ends, fc.uint8Array({ maxLength: 50 }), (which, them, rest) => {
        const header = encodeProxyHeader(which, them);
        const parsed = parseProxyHeader(Buffer.concat([header, rest]));
        if (parsed.kind !== 'header' || !parsed.ends) throw new Error(parsed.kind);
        expect(parsed.length).toBe(header.length);
        expect(parsed.ends.port).toBe(them.port);
        expect(parsed.ends.localPort).toBe(them.localPort);
        expect(canonical(parsed.ends.host)).toBe(canonical(them.host));
        expect(canonical(parsed.ends.localHost)).toBe(canonical(them.localHost));
      }),
      { numRuns: 500 },
    );
  });

  it('is incomplete up to its last byte', () => {
    fc.assert(
      fc.property(version, ends, (which, them) => {
        const header = encodeProxyHeader(which, them);
        for (let length = 0; length < header.length; length++) {
          expect(parseProxyHeader(header.subarray(0, length)).kind).toBe('incomplete');
        }
      }),
      { numRuns: 50 },
    );
  });

  it('never throws, never asks for more than its maximum, whatever comes', () => {
    const beginning = fc.constantFrom(
      '',
      'PROXY ',
      'PROXY TCP4 1.2.3.4 ',
      '\r\n\r\n\0\r\nQUIT\n',
      '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c',
      '\r\n\r\n\0\r\nQUIT\n\x21\x21\xff\xff',
    );
    fc.assert(
      fc.property(beginning, fc.uint8Array({ maxLength: 5000 }), (text, noise) => {
        const bytes = Buffer.concat([Buffer.from(text, 'latin1'), noise]);
        const parsed = parseProxyHeader(bytes);
        if (parsed.kind === 'header') expect(parsed.length).toBeLessThanOrEqual(bytes.length);
        if (parsed.kind === 'incomplete') expect(bytes.length).toBeLessThan(PROXY_HEADER_MAX);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['GET / HTTP/1.1\r\n', FOREIGN],
    ['PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n', UNHANDLED],
    ['PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n', UNHANDLED],
    ['PROXY TCP4 1.2.3.4 ::1 1 2\r\n', INVALID],
    ['PROXY TCP6 ::1%lo ::1 1 2\r\n', INVALID],
    ['PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n', INVALID],
    ['PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n', INVALID],
    ['PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n', INVALID],
    [`PROXY TCP4 ${'1'.repeat(120)}`, INVALID],
    ['\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0', FOREIGN],
    ['\r\n\r\n\0\r\nQUIT\n\x22\x11\0\0', INVALID],
    ['\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04\0\0\0\0', INVALID],
    ['\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0e\0\0\0\0\0\0\0\0\0\0\0\0\x04\0', INVALID],
    ['\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\0\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01', INVALID],
    ['\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff', TRUNCATED],
  ])('refuses %j', (text, fault) => {
    expect(parseProxyHeader(Buffer.from(text, 'latin1'))).toEqual({ kind: 'invalid', fault });
  });

  it.each([
    ['v2', encodeCheckHeader('v2', { host: '', port: 0, localHost: '', localPort: 0 })],
    ['v1', Buffer.from('PROXY UNKNOWN\r\n')],
    ['v1', Buffer.from('PROXY UNKNOWN ffff:f::1 ::1 65535 65535\r\n')],
  ])('without a client names nobody (%s)', (_version, header) => {
    const parsed = parseProxyHeader(header);
    expect(parsed).toEqual({ kind: 'header', length: header.length, ends: undefined });
  });

  it('writes IPv6 addresses in canonical form', () => {
    for (const text of ['::', '::1', '2001:db8::1:0:0:1', 'fe80::1:2:3:4', '1:2:3:4:5:6:7:8']) {
      expect(canonical(text)).toBe(text);
    }
    expect(canonical('::ffff:1.2.3.4')).toBe('::ffff:102:304');
  });
});
