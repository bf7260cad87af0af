import net from 'node:net';
import tls from 'node:tls';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { scanClientHello } from '../../../../services/balancer/tls/client-hello.ts';

/** What the runtime's own client sends first. */
function helloOf(options: tls.ConnectionOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => {
      socket.once('data', (bytes: Buffer) => {
        socket.destroy();
        server.close(() => resolve(bytes));
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      const client = tls.connect({ ...options, port, host: '127.0.0.1' });
      client.on('error', () => undefined);
    });
    server.on('error', reject);
  });
}

/** The same message in records of at most `size` bytes. */
function inRecords(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5);
  const parts: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    const head = Buffer.from([22, 3, 1, 0, 0]);
    head.writeUInt16BE(part.length, 3);
    parts.push(head, part);
  }
  return Buffer.concat(parts);
}

describe('the name in a ClientHello', () => {
  let named: Buffer;
  let nameless: Buffer;
  beforeAll(async () => {
    named = await helloOf({ servername: 'Edge.Example.test', ALPNProtocols: ['h2', 'http/1.1'] });
    nameless = await helloOf({ maxVersion: 'TLSv1.2' });
  });

  test('is found', () => {
    expect(scanClientHello(named)).toEqual({ kind: 'hello', serverName: 'Edge.Example.test' });
    expect(scanClientHello(nameless)).toEqual({ kind: 'hello', serverName: undefined });
  });

  test('is found in records of any size, and not before it is there', () => {
    for (const size of [7, 50, 200, 16_000]) {
      const bytes = inRecords(named, size);
      expect(scanClientHello(bytes)).toEqual({ kind: 'hello', serverName: 'Edge.Example.test' });
      for (let end = 0; end < bytes.length; end += 1) {
        expect(scanClientHello(bytes.subarray(0, end)).kind).toBe('incomplete');
      }
    }
  });

  test('is not looked for in something else', () => {
    for (const text of [
      'GET / HTTP/1.1\r\n\r\n',
      '\x16\x02',
      '\x16\x03\x01\0\0',
      '\x16\x03\x01\xff\xff',
    ]) {
      expect(scanClientHello(Buffer.from(text, 'latin1')).kind).toBe('other');
    }
    const finished = Buffer.from(named);
    finished[5] = 20;
    expect(scanClientHello(finished).kind).toBe('other');
  });

  test('no bytes make it throw, or read beyond their end', () => {
    let hellos = 0;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }),
        fc.oneof({ weight: 4, arbitrary: fc.constant(-1) }, fc.nat()),
        fc.uint8Array({ maxLength: 40 }),
        (changes, cut, tail) => {
          const bytes = Buffer.concat([named, tail]);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          const scan = scanClientHello(
            cut < 0 ? bytes : bytes.subarray(0, cut % (bytes.length + 1)),
          );
          if (scan.kind === 'hello') hellos += 1;
        },
      ),
      { numRuns: 5000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (body) => {
        scanClientHello(
          Buffer.concat([Buffer.from([22, 3, 1, body.length >> 8, body.length & 255]), body]),
        );
      }),
      { numRuns: 2000 },
    );
    console.log(`7000 fuzzed ClientHellos, ${hellos} of them whole`);
  });
});
