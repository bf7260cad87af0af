import { EventEmitter, once } from 'node:events';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Authority } from '../support/certificates.ts';
import { freePortRange } from '../support/ports.ts';
import { startEither } from '../support/side-by-side.ts';
import { tlsTalk } from '../support/tls-peers.ts';
import { together } from '../support/webs.ts';

/** Of the header: signature, version, family, length, two IPv4 addresses and ports. */
const FIXED = 16;
const ADDRESSES = 12;
const V2 = Buffer.from('\r\n');

let authority: Authority;
beforeAll(() => {
  authority = new Authority();
  const { cert, key } = authority.issue('site', { san: 'DNS:site.test' });
  writeFileSync(authority.file('site.pem'), Buffer.concat([cert, key]));
  authority.issue('client', { cn: 'Some Client' });
});
afterAll(() => authority.remove());

/** Fields of a header, by type: those of TLS one level down. */
function fieldsOf(bytes: Buffer): string[] {
  const fields: string[] = [];
  for (let at = 0; at + 3 <= bytes.length; ) {
    const end = at + 3 + bytes.readUInt16BE(at + 1);
    const value = bytes.subarray(at + 3, end);
    const type = `0x${bytes[at]!.toString(16)}`;
    if (bytes[at] === 0x20) {
      fields.push(`${type} ${value.toString('hex', 0, 5)}`, ...fieldsOf(value.subarray(5)));
    } else {
      // A sum is over addresses of this run.
      fields.push(
        `${type} ${bytes[at] === 3 ? `${value.length} bytes` : value.toString('latin1')}`,
      );
    }
    at = end;
  }
  return fields.toSorted();
}

/** CRC-32C, bit by bit (RFC 3720, appendix B.4). */
function sumOf(bytes: Buffer): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0x82f63b78 : 0);
  }
  return (sum ^ 0xffffffff) >>> 0;
}

/** The fields of the header that `bytes` begin with; a wrong sum is none. */
function read(bytes: Buffer): string[] {
  const length = FIXED + bytes.readUInt16BE(14);
  const header = Buffer.from(bytes.subarray(0, length));
  const fields = fieldsOf(header.subarray(FIXED + ADDRESSES));
  const at = header.indexOf(Buffer.from([3, 0, 4]), FIXED + ADDRESSES);
  if (at < 0) return fields;
  const sum = header.readUInt32BE(at + 3);
  header.writeUInt32BE(0, at + 3);
  return [...fields, sum === sumOf(header) ? 'sum is right' : 'sum is wrong'];
}

/** A server that takes one header and closes. */
async function listen(): Promise<{ port: number; next(): Promise<Buffer>; close(): void }> {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const data = new EventEmitter();
  server.on('connection', (socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (bytes: Buffer) => {
      data.emit('data', bytes);
      socket.end('HTTP/1.0 200 OK\r\n\r\n');
    });
  });
  const next = async (): Promise<Buffer> => (await once(data, 'data'))[0];
  return { port, next, close: () => server.close() };
}

interface Case {
  parameters: string;
  mode?: 'tcp' | 'http';
  client?: boolean;
  alpn?: string;
  plain?: boolean;
}

const CASES: Case[] = [
  { parameters: 'send-proxy-v2' },
  { parameters: 'send-proxy-v2', alpn: 'http/1.1' },
  { parameters: 'send-proxy-v2-ssl' },
  { parameters: 'send-proxy-v2-ssl', plain: true },
  { parameters: 'send-proxy-v2-ssl-cn', client: true },
  { parameters: 'send-proxy-v2-ssl-cn', client: true, mode: 'tcp' },
  { parameters: 'send-proxy-v2 proxy-v2-options ssl-cipher,cert-sig,cert-key' },
  { parameters: 'send-proxy-v2 proxy-v2-options cert-cn,cert-key,cert-sig', client: true },
  { parameters: 'send-proxy-v2 proxy-v2-options authority', alpn: 'http/1.1' },
  { parameters: 'send-proxy-v2 proxy-v2-options unique-id,crc32c' },
  { parameters: 'send-proxy-v2 proxy-v2-options unique-id', mode: 'tcp', plain: true },
  { parameters: 'send-proxy-v2-ssl no-send-proxy-v2-ssl' },
  { parameters: 'send-proxy proxy-v2-options ssl,unique-id', plain: true },
];

/**
 * A frontend and a backend for each case, on ports from `port` on, and a port after those to see
 * that all listen: a connection to one of the others would be passed on, with a header of its own.
 */
const configOf = (port: number, server: number): string => `
defaults
    timeout connect 2s
    timeout client 3s
    timeout server 3s
${CASES.map(({ parameters, mode = 'http', alpn, plain }, index) => {
  const [site, ca] = ['site.pem', 'ca.crt'].map((name) => authority.file(name));
  const tls = `ssl crt ${site} ca-file ${ca} verify optional ssl-max-ver TLSv1.2`;
  return `
frontend f${index}
    mode ${mode}
    bind 127.0.0.1:${port + index} ${plain ? '' : tls} ${alpn ? `alpn ${alpn}` : ''}
    unique-id-format id-%[src]
    default_backend b${index}
backend b${index}
    mode ${mode}
    server s 127.0.0.1:${server} ${parameters}
`;
}).join('')}
listen probe
    mode tcp
    bind 127.0.0.1:${port + CASES.length}
`;

async function ask(port: number, { client, alpn, plain }: Case): Promise<void> {
  const send = 'GET / HTTP/1.0\r\n\r\n';
  if (plain) {
    net
      .connect(port, '127.0.0.1')
      .on('error', () => undefined)
      .end(send);
    return;
  }
  await tlsTalk(port, {
    send,
    servername: 'site.test',
    ...(alpn && { ALPNProtocols: [alpn] }),
    ...(client && { cert: authority.pem('client.crt'), key: authority.pem('client.key') }),
  });
}

test('a PROXY header tells beside addresses what HAProxy’s does', async () => {
  const { haproxy, bramble } = await together(async (which) => {
    const server = await listen();
    const port = await freePortRange(CASES.length + 1);
    const ports = [port + CASES.length];
    await using _ = await startEither(which, { config: configOf(port, server.port), ports });
    const all: [string, string[]][] = [];
    for (const [index, one] of CASES.entries()) {
      const got = server.next();
      await ask(port + index, one);
      const seen = await got;
      const name = JSON.stringify(one);
      all.push([name, seen[0] === V2[0] ? read(seen) : [seen.toString('latin1', 0, 5)]]);
    }
    server.close();
    return all;
  });
  for (const [index, one] of haproxy.entries()) expect(bramble[index]).toEqual(one);
  expect(haproxy.flatMap(([, fields]) => fields)).toContain('sum is right');
  console.log(
    `${haproxy.length} headers, ${haproxy.flatMap(([, fields]) => fields).length} fields`,
  );
});
