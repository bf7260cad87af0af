import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Authority, type Issued } from '../support/authority.ts';
import { OK, Origin } from '../support/http-peers.ts';
import { lineMatching } from '../support/proxy-process.ts';
import { echo, Peer } from '../support/tcp-peers.ts';
import { tlsTalk } from '../support/tls-peers.ts';
import { shown, sideBySide, withTls } from '../support/tls-side-by-side.ts';

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

const front = (port: number, parameters: string): string => `
frontend f
    bind 127.0.0.1:${port} ssl ${parameters}
    default_backend b
backend b
    server s 127.0.0.1:${origin.port}
`;

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
