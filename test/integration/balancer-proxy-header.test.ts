import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeProxyHeader } from '../../services/balancer/tcp/proxy-header.ts';
import { freePortRange } from '../support/ports.ts';
import type { ProxyProcess } from '../support/proxy-process.ts';
import { BOTH, startEither, type Which } from '../support/side-by-side.ts';

const GET = Buffer.from('GET / HTTP/1.0\r\n\r\n');
const V4 = { host: '192.0.2.7', port: 1234, localHost: '192.0.2.8', localPort: 80 };
const V6 = { host: '2001:db8::7', port: 1234, localHost: '2001:db8::8', localPort: 80 };
const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';
const SEED = 4;
const FUZZED = 400;

interface Running {
  proxy: ProxyProcess;
  port: number;
}

async function start(which: Which): Promise<Running> {
  const port = await freePortRange(2);
  const config = `
global
    log stdout format raw local0
defaults
    mode http
    log global
    timeout connect 1s
    timeout client 300ms
    timeout server 1s
frontend f
    bind 127.0.0.1:${port} accept-proxy name door
    http-request return status 200 content-type text/plain lf-string "%[so_name] %[fc_pp_authority] %[fc_pp_unique_id,hex]" if { fc_pp_authority -m found } || { fc_pp_unique_id -m found }
    http-request return status 200 content-type text/plain lf-string "%ci:%cp %[dst]:%[dst_port]"
listen probe
    mode tcp
    no log
    bind 127.0.0.1:${port + 1}
`;
  return { proxy: await startEither(which, { config, ports: [port + 1] }), port };
}

/** What the client gets for the header and a request behind it in the same segment. */
function ask({ port }: Running, header: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.on('data', (data) => {
      text += data.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      const status = text.slice(9, 12);
      const body = text.split('\r\n\r\n')[1]?.slice(0, 300) ?? '';
      // Its own addresses are those of this run, and a port 0 has no text in HAProxy.
      const ends = body.replace(/^127\.\S+ 127\.\S+$/, 'its own').replace(/:0?$/, ':');
      resolve(status === '' ? 'closed' : `${status} ${ends}`);
    });
    socket.write(Buffer.concat([header, GET]));
  });
}

let both: Running[];
beforeAll(async () => {
  both = await Promise.all(BOTH.map(start));
});
afterAll(async () => {
  await Promise.all((both ?? []).map(({ proxy }) => proxy.stop('SIGKILL')));
});

const v2 = (text: string): Buffer => Buffer.from(SIGNATURE + text, 'latin1');
/** A header with fields behind its addresses. */
const told = (fields: string): Buffer =>
  v2(
    `\x21\x11${String.fromCharCode((12 + fields.length) >> 8, (12 + fields.length) & 255)}` +
      `\xc0\0\x02\x07\xc0\0\x02\x08\x04\xd2\0\x50${fields}`,
  );
/** HAProxy takes these and we do not: they are no numbers and addresses (section 2.1). */
const STRICTER: readonly string[] = [
  'PROXY TCP4 192.0.2.7 192.0.2.8 1234 65536\r\n',
  'PROXY TCP4 192.0.2.7 192.0.2.8 01234 80\r\n',
  'PROXY TCP4 192.0.2.256 192.0.2.8 1234 80\r\n',
  'PROXY TCP4 192.0.2 192.0.2.8 1234 80\r\n',
];
/** It refuses these, which a receiver must take and use no addresses of (sections 2.1 and 2.2). */
const MILDER: readonly (string | Buffer)[] = [
  'PROXY UNKNOWN a b c d\r\n',
  v2('\x21\0\0\0'),
  v2('\x21\x12\0\x0c\xc0\0\x02\x07\xc0\0\x02\x08\x04\xd2\0\x50'),
  v2('\x21\x31\0\x02ab'),
];
const HEADERS: readonly (string | Buffer)[] = [
  encodeProxyHeader('v1', V4),
  encodeProxyHeader('v1', V6),
  encodeProxyHeader('v2', V4),
  encodeProxyHeader('v2', V6),
  'PROXY UNKNOWN\r\n',
  'PROXY TCP4 192.0.2.7 192.0.2.8 1234 80 \r\n',
  'PROXY TCP4 192.0.2.7 192.0.2.8 1234 80 x\r\n',
  'PROXY  TCP4 192.0.2.7 192.0.2.8 1234 80\r\n',
  'PROXY TCP4 192.0.2.7 192.0.2.8 1234\r\n',
  'PROXY TCP4 192.0.2.7 192.0.2.8 1234 80\n',
  'PROXY TCP4 192.0.2.7 192.0.2.8 -1 80\r\n',
  'PROXY TCP4 192.0.2.7 192.0.2.8 12x 80\r\n',
  'PROXY TCP4 2001:db8::7 192.0.2.8 1234 80\r\n',
  'PROXY TCP6 192.0.2.7 192.0.2.8 1234 80\r\n',
  'PROXY TCP6 2001:db8::7%lo 2001:db8::8 1234 80\r\n',
  'PROXY TCP5 192.0.2.7 192.0.2.8 1234 80\r\n',
  'PROXY UDP4 192.0.2.7 192.0.2.8 1234 80\r\n',
  'proxy TCP4 192.0.2.7 192.0.2.8 1234 80\r\n',
  `PROXY TCP4 ${' '.repeat(200)}\r\n`,
  'PROXY \r\n',
  'PROXY',
  '',
  v2('\x20\0\0\0'),
  v2('\x20\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x08\x04\xd2\0\x50'),
  v2('\x22\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x08\x04\xd2\0\x50'),
  v2('\x11\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x08\x04\xd2\0\x50'),
  v2('\x31\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x08\x04\xd2\0\x50'),
  v2('\x21\x11\0\x04\xc0\0\x02\x07'),
  v2('\x21\x11\0\x0f\xc0\0\x02\x07\xc0\0\x02\x08\x04\xd2\0\x50\x04\0\0'),
  v2('\x21\x11\0\x0f\xc0\0\x02\x07\xc0\0\x02\x08\x04\xd2\0\x50\x04\xff\xff'),
  told('\x02\0\x03a.b'),
  told('\x05\0\x02\x01\xff'),
  told('\x02\0\x03a.b\x04\0\0\x05\0\x02xy'),
  told(`\x02\0\xff${'a'.repeat(255)}`),
  told(`\x02\x01\0${'a'.repeat(256)}`),
  told(`\x05\0\x80${'u'.repeat(128)}`),
  told(`\x05\0\x81${'u'.repeat(129)}`),
  told('\x05\0\x03xy'),
  v2('\x21\x11\xff\xff\xc0\0\x02\x07\xc0\0\x02\x08\x04\xd2\0\x50'),
];

describe('PROXY headers, side by side with HAProxy', () => {
  test.each(
    HEADERS.map((header) => [JSON.stringify(String(header)).slice(0, 60), header] as const),
  )('%s', async (_name, header) => {
    const bytes = Buffer.from(header);
    const from = both.map(({ proxy }) => proxy.out.length);
    const [theirs, ours] = await Promise.all(both.map((one) => ask(one, bytes)));
    await sleep(30);
    const lines = both.map(({ proxy }, i) => proxy.out.slice(from[i]).map(withoutTime));
    expect(ours).toBe(theirs);
    expect(lines[1]).toEqual(lines[0]);
  });

  test.each(STRICTER)('refused, though HAProxy takes it: %j', async (header) => {
    const [theirs, ours] = await Promise.all(both.map((one) => ask(one, Buffer.from(header))));
    expect(theirs).toMatch(/^200 /);
    expect(ours).toBe('closed');
  });

  test.each(MILDER.map((header) => [JSON.stringify(String(header)), header] as const))(
    'taken, though HAProxy refuses it: %s',
    async (_name, header) => {
      const [theirs, ours] = await Promise.all(both.map((one) => ask(one, Buffer.from(header))));
      expect(theirs).toBe('closed');
      expect(ours).toBe('200 its own');
    },
  );

  test(`${FUZZED} mutations of good ones`, async () => {
    const seeds = [
      encodeProxyHeader('v1', V4),
      encodeProxyHeader('v1', V6),
      encodeProxyHeader('v2', V4),
      encodeProxyHeader('v2', V6),
    ];
    const mutation = fc.record({
      at: fc.nat(60),
      kind: fc.constantFrom('set', 'insert', 'delete', 'double'),
      byte: fc.oneof(fc.constantFrom(...Buffer.from('\r\n .:0123456789\0')), fc.nat(255)),
    });
    const mutated = fc
      .tuple(fc.constantFrom(...seeds), fc.array(mutation, { minLength: 1, maxLength: 3 }))
      .map(([seed, mutations]) => {
        const list = [...seed];
        for (const { at, kind, byte } of mutations) {
          const where = at % list.length;
          if (kind === 'set') list[where] = byte;
          else if (kind === 'insert') list.splice(where, 0, byte);
          else if (kind === 'delete') list.splice(where, 1);
          else list.splice(where, 0, list[where]!);
        }
        return Buffer.from(list);
      });
    const samples = fc.sample(mutated, { numRuns: FUZZED, seed: SEED });
    let accepted = 0;
    let stricter = 0;
    let milder = 0;
    const differing: string[] = [];
    for (let at = 0; at < samples.length; at += 20) {
      await Promise.all(
        samples.slice(at, at + 20).map(async (bytes) => {
          const [theirs, ours] = await Promise.all(both.map((one) => ask(one, bytes)));
          if (theirs!.startsWith('200')) accepted += 1;
          if (theirs === ours) return;
          // Refusing more is what the protocol asks for; taking more, or otherwise, is not.
          if (ours === 'closed') stricter += 1;
          else if (theirs === 'closed' && ours === '200 its own') milder += 1;
          else {
            differing.push(`${JSON.stringify(bytes.toString('latin1'))}: ${theirs} / ${ours}`);
          }
        }),
      );
    }
    console.log(
      `${FUZZED} mutated headers: ${accepted} taken by HAProxy, ${stricter} of them not by us, ${milder} by us alone`,
    );
    expect(differing).toEqual([]);
  });
});

const withoutTime = (line: string): string =>
  line
    .replace(/^Connect from 127.*/, 'Connect')
    .replace(/^\S+ \[[^\]]+\]/, 'WHO [WHEN]')
    .replace(/ \d+\/\d+\/\d+\/\d+\/\d+ /, ' T ');
