import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Authority, type Issued } from '../support/authority.ts';
import { OK, Origin, talk } from '../support/http-peers.ts';
import { lineMatching } from '../support/proxy-process.ts';
import { BOTH } from '../support/side-by-side.ts';
import { echo, Peer, until } from '../support/tcp-peers.ts';
import { TlsOrigin, tlsTalk } from '../support/tls-peers.ts';
import { sideBySide, withTls } from '../support/tls-side-by-side.ts';

let authority: Authority;
let edge: Issued;
let client: Issued;
let strange: Authority;
let origin: Origin;
let echoes: Peer;

beforeAll(async () => {
  authority = new Authority();
  strange = new Authority('Somebody Else');
  edge = authority.issue('edge.pem', ['edge.example.test', 'alias.example.test']);
  client = authority.issue('client.pem', ['client']);
  origin = new Origin();
  await origin.start();
  origin.script = OK;
  echoes = await new Peer('echo', echo).start();
});
afterAll(async () => {
  await Promise.all([origin?.peer.stop(), echoes?.stop()]);
  authority?.remove();
  strange?.remove();
});

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

describe('mode tcp with TLS', () => {
  const tcp = (port: number, server: string, bind = `ssl crt ${edge.file}`): string => `
listen t
    mode tcp
    option tcplog
    bind 127.0.0.1:${port} ${bind}
    server s ${server}
`;

  test('passes bytes and their end both ways', async () => {
    const big = 'x'.repeat(3_000_000);
    for (const which of BOTH) {
      await withTls(
        which,
        (port) => tcp(port, `127.0.0.1:${echoes.port}`),
        async (port, proxy) => {
          const how = { port, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true };
          const socket = tls.connect(how);
          let length = 0;
          let ended = false;
          socket.on('data', (data: Buffer) => {
            length += data.length;
          });
          socket.on('end', () => {
            ended = true;
          });
          socket.end(big);
          await until(() => ended, `${which} ends after the echo`);
          expect(length).toBe(big.length);
          socket.destroy();
          await lineMatching(proxy.out, new RegExp(`t~? t/s .* ${big.length} -- `));
        },
      );
    }
  });

  test('ends with a notice, not with a cut', async () => {
    const closing = await new Peer('closing', (socket) => socket.end('bye')).start();
    try {
      for (const which of BOTH) {
        await withTls(
          which,
          (port) => tcp(port, `127.0.0.1:${closing.port}`),
          async (port) => {
            const { text } = await tlsTalk(port, { send: 'hello' });
            expect(text).toBe('bye');
          },
        );
      }
    } finally {
      await closing.stop();
    }
  });

  test('leaves nothing behind after many clients that give up', async () => {
    await withTls(
      'bramble',
      (port) => tcp(port, `127.0.0.1:${echoes.port}`),
      async (port, proxy) => {
        const before = echoes.sockets.size;
        for (let round = 0; round < 20; round++) {
          await Promise.all(
            Array.from({ length: 25 }, async (_, index) => {
              if (index % 3 === 0) {
                await tlsTalk(port, { send: 'x' });
                return;
              }
              await new Promise<void>((resolve) => {
                const socket = net.connect(port, '127.0.0.1', () => {
                  socket.write(index % 3 === 1 ? Buffer.from('160301020001', 'hex') : 'garbage');
                  setTimeout(() => socket.resetAndDestroy(), index);
                });
                socket.on('error', () => undefined);
                socket.on('close', () => resolve());
              });
            }),
          );
        }
        await until(() => echoes.sockets.size === before, 'the server sees every connection end');
        expect((await tlsTalk(port, { send: 'still there' })).text).toBe('still there');
        console.log(`500 connections, ${proxy.out.length} lines, none left behind`);
      },
    );
  });
});

describe('TLS to servers', () => {
  let secure: TlsOrigin;
  let asking: TlsOrigin;
  beforeAll(async () => {
    secure = await new TlsOrigin({ key: edge.key, cert: edge.certificate }).start();
    asking = await new TlsOrigin(
      {
        key: edge.key,
        cert: edge.certificate,
        requestCert: true,
        rejectUnauthorized: true,
        ca: authority.certificate,
      },
      { preface: true },
    ).start();
  });
  afterAll(() => {
    secure?.stop();
    asking?.stop();
  });

  const back = (port: number, server: string): string => `
listen l
    bind 127.0.0.1:${port}
    retries 0
    server s 127.0.0.1:${server}
`;
  const answer = async (port: number) => {
    const { text } = await talk(port, [GET]);
    return [
      /^HTTP\/1\.1 (\d+)/.exec(text)?.[1],
      text.split('\r\n\r\n')[1]?.split(' ').slice(0, 2).join(' '),
    ];
  };

  test.each([
    ['verify none', '200'],
    ['verify none sni str(edge.example.test)', '200'],
    ['verify required ca-file CA', '200'],
    ['verify required ca-file CA sni str(edge.example.test)', '200'],
    ['verify required ca-file CA sni str(wrong.test)', '503'],
    ['verify required ca-file CA verifyhost alias.example.test', '200'],
    ['verify required ca-file CA verifyhost wrong.test', '503'],
    ['verify required ca-file STRANGE', '503'],
    ['verify none ssl-min-ver TLSv1.3', '200'],
    ['verify none alpn http/1.1', '200'],
  ])('ssl %s gives %s', async (parameters, status) => {
    const line = parameters.replace('CA', authority.file).replace('STRANGE', strange.file);
    const seen = await sideBySide(
      (port) => back(port, `${secure.port} ssl ${line}`),
      (port) => answer(port),
    );
    expect(seen[0]).toBe(status);
  });

  test('asks by the name that the request carries, on connections of that name', async () => {
    const seen = await sideBySide(
      (port) => back(port, `${secure.port} ssl verify none sni req.hdr(host)`),
      async (port) => {
        const hosts = ['one.test', 'two.test', 'one.test', 'two.test'];
        const { text } = await talk(
          port,
          hosts.map((host) => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`),
          { limit: 3000, quiet: 300 },
        );
        return Array.from(text.matchAll(/^(\S+\.test) /gm), ([, name]) => name);
      },
    );
    expect(seen).toEqual(['one.test', 'two.test', 'one.test', 'two.test']);
  });

  test('shows a certificate, behind a PROXY header', async () => {
    const seen = await sideBySide(
      (port) =>
        back(
          port,
          `${asking.port} ssl verify required ca-file ${authority.file} crt ${client.file} send-proxy`,
        ),
      (port) => answer(port),
    );
    expect(seen).toEqual(['200', '- client']);
    expect(asking.prefaces.map((line) => line.split(' ').slice(0, 4).join(' '))).toEqual([
      'PROXY TCP4 127.0.0.1 127.0.0.1',
      'PROXY TCP4 127.0.0.1 127.0.0.1',
    ]);
  });

  test('in mode tcp', async () => {
    const seen = await sideBySide(
      (port) => `
listen t
    mode tcp
    option tcplog
    bind 127.0.0.1:${port} ssl crt ${edge.file}
    server s 127.0.0.1:${asking.port} ssl verify required ca-file ${authority.file} crt ${client.file} sni str(edge.example.test) send-proxy
`,
      async (port) => (await tlsTalk(port, { send: 'hello' })).text,
    );
    expect(seen).toBe('edge.example.test client false\n');
  });

  test('a server without TLS is an error of the connection', async () => {
    await sideBySide(
      (port) => back(port, `${echoes.port} ssl verify none`),
      (port) => answer(port),
    );
  });
});
