import { writeFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Authority, type Issued } from '../support/authority.ts';
import { OK, Origin, talk } from '../support/http-peers.ts';
import { freePortRange } from '../support/ports.ts';
import { lineMatching, type ProxyProcess } from '../support/proxy-process.ts';
import { BOTH, startEither, type Which } from '../support/side-by-side.ts';
import { echo, Peer, until } from '../support/tcp-peers.ts';
import { TlsOrigin, type TlsOutcome, tlsTalk } from '../support/tls-peers.ts';

let authority: Authority;
let edge: Issued;
let wild: Issued;
let client: Issued;
let stranger: Issued;
let strange: Authority;
let origin: Origin;
let echoes: Peer;

beforeAll(async () => {
  authority = new Authority();
  strange = new Authority('Somebody Else');
  edge = authority.issue('edge.pem', ['edge.example.test', 'alias.example.test']);
  wild = authority.issue('wild.pem', ['*.example.test']);
  authority.issue('both.pem.rsa', ['both.example.test'], { kind: 'rsa' });
  authority.issue('both.pem.ecdsa', ['both.example.test']);
  client = authority.issue('client.pem', ['client']);
  stranger = strange.issue('stranger.pem', ['stranger']);
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

/** Runs a proxy; PORT, PORT+1 … in `body` are ports of its own. */
async function withTls<T>(
  which: Which,
  body: (port: number) => string,
  use: (port: number, proxy: ProxyProcess) => Promise<T>,
): Promise<T> {
  const port = await freePortRange(4);
  const config = `
global
    log stdout format raw local0
    ssl-default-bind-options ssl-min-ver TLSv1.2
    tune.ssl.cachesize 100000
    tune.ssl.lifetime 600
    tune.ssl.default-dh-param 2048
defaults
    log global
    mode http
    option httplog
    timeout connect 2s
    timeout client 3s
    timeout server 3s
${body(port)}
listen probe
    mode tcp
    no log
    bind 127.0.0.1:${port + 3}
`;
  await using proxy = await startEither(which, { config, ports: [port + 3] });
  return await use(port, proxy);
}

const front = (port: number, parameters: string): string => `
frontend f
    bind 127.0.0.1:${port} ssl ${parameters}
    default_backend b
backend b
    server s 127.0.0.1:${origin.port}
`;

/** What two listeners of one meaning must have in common. */
const shown = ({ subject, protocol, alpn, resumed, text }: TlsOutcome) => ({
  subject,
  protocol,
  alpn,
  resumed,
  status: /^HTTP\/1\.1 (\d+)/.exec(text)?.[1],
});

async function sideBySide<T>(
  body: (port: number) => string,
  use: (port: number, proxy: ProxyProcess) => Promise<T>,
): Promise<T> {
  const [reference, ours] = [
    await withTls('haproxy', body, use),
    await withTls('bramble', body, use),
  ];
  expect(ours).toEqual(reference);
  return ours;
}

describe('a listener with TLS', () => {
  test('chooses the certificate by the name, as HAProxy does', async () => {
    const names = [
      undefined,
      'edge.example.test',
      'EDGE.example.test',
      'alias.example.test',
      'other.example.test',
      'a.b.example.test',
      'example.test',
      'both.example.test',
      'unknown.test',
    ];
    const crts = `crt ${edge.file} crt ${wild.file} crt ${authority.path('both.pem')}`;
    const seen = await sideBySide(
      (port) => front(port, crts),
      async (port) => {
        const outcomes = [];
        for (const servername of names) {
          const how = servername === undefined ? {} : { servername };
          outcomes.push(shown(await tlsTalk(port, { send: GET, ...how })));
        }
        return outcomes;
      },
    );
    expect(seen.map(({ subject }) => subject)).toEqual([
      'edge.example.test',
      'edge.example.test',
      'edge.example.test',
      'edge.example.test',
      '*.example.test',
      'edge.example.test',
      'edge.example.test',
      'both.example.test',
      'edge.example.test',
    ]);
    expect(new Set(seen.map(({ status }) => status))).toEqual(new Set(['200']));
  });

  test('has a certificate of each kind for one name', async () => {
    const kinds = await sideBySide(
      (port) => front(port, `crt ${edge.file} crt ${authority.path('both.pem')}`),
      async (port) => {
        const seen = [];
        for (const kind of ['RSA', 'ECDSA']) {
          const ciphers = `ECDHE-${kind}-AES128-GCM-SHA256`;
          seen.push(
            shown(
              await tlsTalk(port, {
                send: GET,
                servername: 'both.example.test',
                ciphers,
                maxVersion: 'TLSv1.2',
              }),
            ),
          );
        }
        return seen;
      },
    );
    expect(kinds.map(({ subject }) => subject)).toEqual(['both.example.test', 'both.example.test']);
  });

  test('turns unknown names away under strict-sni', async () => {
    const seen = await sideBySide(
      (port) => front(port, `crt ${edge.file} strict-sni`),
      async (port) => [
        shown(await tlsTalk(port, { send: GET, servername: 'edge.example.test' })),
        shown(await tlsTalk(port, { send: GET, servername: 'unknown.test' })),
        shown(await tlsTalk(port, { send: GET })),
      ],
    );
    expect(seen.map(({ subject }) => subject)).toEqual(['edge.example.test', undefined, undefined]);
  });

  test('reads crt-list and directories', async () => {
    const list = authority.path('list.txt');
    writeFileSync(
      list,
      `# certificates\n${edge.file}\n${wild.file} *.example.test !not.example.test www.other.test\n`,
    );
    const seen = await sideBySide(
      (port) => front(port, `crt-list ${list}`),
      async (port) => {
        const subjects = [];
        for (const servername of ['www.other.test', 'x.example.test', 'not.example.test']) {
          subjects.push((await tlsTalk(port, { servername })).subject);
        }
        return subjects;
      },
    );
    expect(seen).toEqual(['*.example.test', '*.example.test', 'edge.example.test']);
  });

  test('agrees on HTTP/1.1 with a client that would rather speak HTTP/2', async () => {
    const how = { send: GET, ALPNProtocols: ['h2', 'http/1.1'] };
    await withTls(
      'bramble',
      (port) => front(port, `crt ${edge.file} alpn h2,http/1.1`),
      async (port, proxy) => {
        expect(shown(await tlsTalk(port, how))).toMatchObject({ alpn: 'http/1.1', status: '200' });
        expect(proxy.err.join('\n')).toMatch(/'alpn' : h2 is not spoken here/);
      },
    );
    const one = await sideBySide(
      (port) => front(port, `crt ${edge.file} alpn http/1.1`),
      async (port) => shown(await tlsTalk(port, how)),
    );
    expect(one.alpn).toBe('http/1.1');
  });

  test('keeps to the versions and ciphers it was told', async () => {
    const seen = await sideBySide(
      (port) =>
        front(port, `crt ${edge.file} ssl-max-ver TLSv1.2 ciphers ECDHE-ECDSA-AES256-GCM-SHA384`),
      async (port) => [
        shown(await tlsTalk(port, { send: GET })),
        shown(await tlsTalk(port, { send: GET, minVersion: 'TLSv1.3' })),
        shown(
          await tlsTalk(port, {
            send: GET,
            ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256',
            maxVersion: 'TLSv1.2',
          }),
        ),
      ],
    );
    expect(seen.map(({ protocol }) => protocol)).toEqual(['TLSv1.2', null, null]);
  });

  test.each([
    ['', 'TLSv1.2'],
    ['', 'TLSv1.3'],
    // The runtime finds no session of TLS 1.3 that is not in a ticket: those begin anew.
    ['no-tls-tickets', 'TLSv1.2'],
  ] as const)('resumes sessions (%s %s)', async (parameter, maxVersion) => {
    const seen = await sideBySide(
      (port) => front(port, `crt ${edge.file} crt ${wild.file} ${parameter}`),
      async (port) => {
        const how = { send: GET, servername: 'edge.example.test', maxVersion };
        const first = await tlsTalk(port, how);
        const second = await tlsTalk(
          port,
          first.session ? { ...how, session: first.session } : how,
        );
        return [shown(first), shown(second)];
      },
    );
    expect(seen.map(({ resumed }) => resumed)).toEqual([false, true]);
  });

  test('asks clients for certificates', async () => {
    for (const verify of ['required', 'optional', 'none']) {
      const seen = await sideBySide(
        (port) => front(port, `crt ${edge.file} verify ${verify} ca-file ${authority.file}`),
        async (port) => {
          const statuses = [];
          for (const shows of [client, stranger, undefined]) {
            const how = shows ? { key: shows.key, cert: shows.certificate } : {};
            statuses.push(shown(await tlsTalk(port, { send: GET, ...how })).status);
          }
          return statuses;
        },
      );
      expect(seen).toEqual(
        { required: ['200', undefined, undefined], optional: ['200', undefined, '200'] }[
          verify
        ] ?? ['200', '200', '200'],
      );
    }
  });

  test('takes bad clients it was told to take', async () => {
    await sideBySide(
      (port) =>
        front(
          port,
          `crt ${edge.file} verify required ca-file ${authority.file} crt-ignore-err all ca-ignore-err all`,
        ),
      async (port) =>
        shown(await tlsTalk(port, { send: GET, key: stranger.key, cert: stranger.certificate }))
          .status,
    );
  });

  test('reads a PROXY header before the handshake', async () => {
    const preface = 'PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n';
    await sideBySide(
      (port) => front(port, `crt ${edge.file} accept-proxy`),
      async (port, proxy) => {
        const { text } = await tlsTalk(port, { send: GET, preface });
        await lineMatching(proxy.out, /^192\.0\.2\.7:4711 .* f~? b\/s/);
        return text.slice(0, 15);
      },
    );
  });

  test('logs what came to nothing', async () => {
    await sideBySide(
      (port) => front(port, `crt ${edge.file}`),
      async (port, proxy) => {
        const speak = (text: string | undefined) =>
          new Promise<void>((resolve) => {
            const socket = net.connect(port, '127.0.0.1', () =>
              text ? socket.write(text) : socket.end(),
            );
            socket.on('error', () => undefined);
            socket.on('close', () => resolve());
            socket.resume();
          });
        await speak('GET / HTTP/1.0\r\n\r\n');
        await lineMatching(proxy.out, /f\/1: SSL handshake failure$/);
        await speak(undefined);
        await lineMatching(proxy.out, /f\/1: Connection closed during SSL handshake$/);
        return proxy.out.length;
      },
    );
  });
});

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
