import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Authority, type Issued } from '../support/authority.ts';
import { OK, Origin } from '../support/http-peers.ts';
import { type TlsTalk, tlsTalk } from '../support/tls-peers.ts';
import { shown, sideBySide } from '../support/tls-side-by-side.ts';

let authority: Authority;
let strange: Authority;
let open: Issued;
let guarded: Issued;
let client: Issued;
let stranger: Issued;
let origin: Origin;

beforeAll(async () => {
  authority = new Authority();
  strange = new Authority('Somebody Else');
  open = authority.issue('open.pem', ['open.example.test', 'www.example.test']);
  guarded = authority.issue('guarded.pem', ['guarded.example.test']);
  client = authority.issue('client.pem', ['client']);
  stranger = strange.issue('stranger.pem', ['stranger']);
  origin = new Origin();
  await origin.start();
  origin.script = OK;
});
afterAll(async () => {
  await origin?.peer.stop();
  authority?.remove();
  strange?.remove();
});

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const lists = { count: 0 };

/** A listener with this list, and what else its line says. */
function front(lines: readonly string[], parameters = ''): (port: number) => string {
  const list = authority.path(`list${lists.count++}.txt`);
  writeFileSync(list, `${lines.join('\n')}\n`);
  return (port) => `
frontend f
    bind 127.0.0.1:${port} ssl crt-list ${list} ${parameters}
    http-request return status 200 hdr x-verify "%[ssl_c_used] %[ssl_c_verify]" if { path / }
    default_backend b
backend b
    server s 127.0.0.1:${origin.port}
`;
}

const asks =
  (...all: readonly Partial<TlsTalk>[]) =>
  async (port: number) => {
    const seen = [];
    for (const how of all) {
      const outcome = await tlsTalk(port, { send: GET, ...how });
      seen.push({ ...shown(outcome), verify: /x-verify: (.*)\r/.exec(outcome.text)?.[1] });
    }
    return seen;
  };

describe('a crt-list, side by side with HAProxy', () => {
  test('asks for client certificates by name', async () => {
    const servername = 'guarded.example.test';
    const lines = [open.file, `${guarded.file} [verify required ca-file ${authority.file}]`];
    const seen = await sideBySide(
      front(lines),
      asks(
        { servername: 'open.example.test' },
        { servername },
        { servername, key: client.key, cert: client.certificate },
        { servername, key: stranger.key, cert: stranger.certificate },
        {},
        { servername: 'unknown.test', key: client.key, cert: client.certificate },
      ),
    );
    expect(seen.map(({ status, verify }) => [status, verify])).toEqual([
      ['200', '0 0'],
      [undefined, undefined],
      ['200', '1 0'],
      [undefined, undefined],
      ['200', '0 0'],
      ['200', '0 0'],
    ]);
  });

  test('asks less of a name than the line does', async () => {
    const lines = [guarded.file, `${open.file} [verify none]`];
    const seen = await sideBySide(
      front(lines, `verify required ca-file ${authority.file}`),
      asks({ servername: 'open.example.test' }, { servername: 'guarded.example.test' }, {}),
    );
    expect(seen.map(({ status }) => status)).toEqual(['200', undefined, undefined]);
  });

  test('has options of the default certificate for who asks for nobody', async () => {
    const lines = [`${guarded.file} [verify required ca-file ${authority.file}]`, open.file];
    const seen = await sideBySide(front(lines), asks({}, { servername: 'open.example.test' }));
    expect(seen.map(({ status }) => status)).toEqual([undefined, '200']);
  });

  test('has versions, ciphers and protocols by name', async () => {
    const lines = [
      `${open.file} [alpn http/1.1 ssl-max-ver TLSv1.2]`,
      `${guarded.file} [ssl-min-ver TLSv1.3 ciphersuites TLS_AES_128_GCM_SHA256] guarded.example.test`,
    ];
    const alpn = { ALPNProtocols: ['http/1.1'] };
    const seen = await sideBySide(
      front(lines),
      asks(
        { servername: 'open.example.test', ...alpn },
        { servername: 'open.example.test', minVersion: 'TLSv1.3' },
        { servername: 'guarded.example.test', ...alpn },
        { servername: 'guarded.example.test', maxVersion: 'TLSv1.2' },
      ),
    );
    expect(seen.map(({ protocol, alpn: agreed }) => [protocol, agreed || undefined])).toEqual([
      ['TLSv1.2', 'http/1.1'],
      [null, undefined],
      ['TLSv1.3', undefined],
      [null, undefined],
    ]);
  });

  test('gives no session of one name to another that asks for more', async () => {
    const lines = [open.file, `${guarded.file} [verify required ca-file ${authority.file}]`];
    const seen = await sideBySide(front(lines), async (port) => {
      const { session } = await tlsTalk(port, { send: GET, servername: 'open.example.test' });
      const how = { send: GET, servername: 'guarded.example.test', ...(session && { session }) };
      return shown(await tlsTalk(port, how)).status;
    });
    expect(seen).toBeUndefined();
  });

  test('keeps a certificate for who asks for nothing known', async () => {
    const seen = await sideBySide(
      front([`${open.file} !*`, `${guarded.file} *.example.test !www.example.test`]),
      asks(
        { servername: 'open.example.test' },
        { servername: 'www.example.test' },
        { servername: 'unknown.test' },
      ),
    );
    expect(seen.map(({ subject }) => subject)).toEqual([
      'guarded.example.test',
      'open.example.test',
      'open.example.test',
    ]);
  });

  test('looks at wildcards, too, for a kind of key that the whole name has not', async () => {
    const rsa = authority.issue('rsa.pem', ['rsa.example.test'], { kind: 'rsa' });
    const servername = 'open.example.test';
    const old = { servername, maxVersion: 'TLSv1.2' } as const;
    const seen = await sideBySide(
      front([guarded.file, `${rsa.file} *.example.test`, `${open.file} ${servername}`]),
      asks(
        { ...old, ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' },
        { ...old, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' },
        { servername },
      ),
    );
    expect(seen.map(({ subject }) => subject)).toEqual([
      'rsa.example.test',
      'open.example.test',
      'open.example.test',
    ]);
  });
});
