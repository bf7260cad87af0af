import { writeFileSync } from 'node:fs';
import http from 'node:http';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Authority } from '../support/certificates.ts';
import { freePorts } from '../support/ports.ts';
import { askRuntime } from '../support/runtime-socket.ts';
import { startEither, type Which } from '../support/side-by-side.ts';
import { ask, together } from '../support/webs.ts';

let old: Authority;
let young: Authority;
let secure: tls.Server;
let plain: http.Server;
const ports = { secure: 0, plain: 0 };

beforeAll(async () => {
  old = new Authority('old authority');
  young = new Authority('young authority');
  for (const authority of [old, young]) {
    authority.issue('site', { san: 'DNS:site.test' });
    authority.issue('good');
    authority.issue('bad');
    authority.revoke();
    writeFileSync(authority.file('none.crl'), authority.pem('ca.crl'));
    authority.revoke('bad');
  }
  writeFileSync(old.file('site.pem'), Buffer.concat([old.pem('site.crt'), old.pem('site.key')]));
  secure = tls.createServer({ key: young.pem('site.key'), cert: young.pem('site.crt') }, (one) => {
    one.on('error', () => undefined);
    one.end('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\ntls');
  });
  plain = http.createServer((_, response) => response.end('plain'));
  for (const [name, server] of [['secure', secure] as const, ['plain', plain] as const]) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ports[name] = (server.address() as { port: number }).port;
  }
});
afterAll(() => {
  secure.close();
  plain.close();
  old.remove();
  young.remove();
});

/** Whether a client with this certificate is served. */
function served(port: number, authority: Authority, name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const [cert, key] = [authority.pem(`${name}.crt`), authority.pem(`${name}.key`)];
    const how = {
      port,
      host: '127.0.0.1',
      cert,
      key,
      rejectUnauthorized: false,
      session: undefined,
    };
    let text = '';
    const socket = tls.connect(how, () => socket.write('GET /x HTTP/1.0\r\n\r\n'));
    socket.on('data', (data) => {
      text += data;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text.startsWith('HTTP/1')));
  });
}

async function course(which: Which): Promise<Record<string, unknown>> {
  const [port, secondPort, probe] = (await freePorts(3)) as [number, number, number];
  const socket = old.file(`${which}.sock`);
  const [ca, crl] = [old.file('ca.crt'), old.file('none.crl')];
  const config = `
global
    stats socket ${socket} level admin
    ssl-server-verify none
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
    retries 0
listen l
    bind 127.0.0.1:${port} ssl crt ${old.file('site.pem')} ca-file ${ca} crl-file ${crl} verify required no-tls-tickets
    http-request return status 200
listen judged
    bind 127.0.0.1:${secondPort}
    default-server ssl verify required verifyhost site.test ca-file ${ca}
    use-server s if { path /tls }
    use-server p if { path /plain }
    # With a certificate of its own: HAProxy forgets others.
    server s 127.0.0.1:${ports.secure} ssl crt ${old.file('site.pem')}
    server p 127.0.0.1:${ports.plain} no-ssl
    server never 127.0.0.1:1 no-ssl
listen probe
    bind 127.0.0.1:${probe}
`;
  await using _ = await startEither(which, { config, ports: [probe] });
  const say = async (line: string): Promise<string> =>
    (await askRuntime(socket, line.replace(/\n+$/, '\n'))).replaceAll(old.directory, '').trim();
  const change = async (kind: string, file: string, pem: Buffer): Promise<string[]> => [
    await say(`set ssl ${kind} ${file} <<\n${pem}\n`),
    // A dot for each place: HAProxy counts certificates, too.
    (await say(`commit ssl ${kind} ${file}`)).replace(/\.+\n/, '\n'),
  ];
  const clients = async (): Promise<boolean[]> => [
    await served(port, old, 'good'),
    await served(port, old, 'bad'),
    await served(port, young, 'good'),
    await served(port, young, 'bad'),
  ];
  const server = async (path: string): Promise<string> => {
    const { status, body } = await ask(secondPort, { path });
    return status === 200 ? body : String(status);
  };
  const tlsColumn = async (): Promise<string[]> =>
    (await say('show servers state judged'))
      .split('\n')
      .slice(2)
      .map((line) => line.split(' ')[20] ?? '');
  return {
    first: [await clients(), await server('/tls')],
    crl: [await change('crl-file', crl, old.pem('ca.crl')), await clients()],
    ca: [await change('ca-file', ca, young.pem('ca.crt')), await server('/tls')],
    other: [await change('crl-file', crl, young.pem('ca.crl')), await clients()],
    shown: await say(`show ssl ca-file ${ca}`),
    words: [
      await say(`set ssl ca-file ${ca} <<\nnothing\n\n`),
      await say(`set ssl ca-file /nope <<\n${young.pem('ca.crt')}\n`),
      await say('set ssl crl-file'),
      await say('new ssl ca-file /new'),
      await say('new ssl ca-file /new'),
      await say('commit ssl ca-file /new'),
      await say(`set ssl ca-file /new <<\n${young.pem('ca.crt')}\n`),
      await say('show ssl ca-file *x'),
      await say('abort ssl ca-file /other'),
      await say('abort ssl ca-file /new'),
      await say('abort ssl ca-file /new'),
      await say(`del ssl ca-file ${ca}`),
      await say('del ssl ca-file /new'),
      await say('del ssl ca-file /new'),
      await say(`del ssl crl-file ${crl}`),
      await say('show ssl crl-file'),
    ],
    switched: [
      await tlsColumn(),
      await server('/plain'),
      await say('set server judged/p ssl on'),
      await server('/plain'),
      await say('set server judged/p ssl off'),
      await server('/plain'),
      await say('set server judged/s ssl off'),
      await say('set server judged/s ssl maybe'),
      await say('set server judged/s ssl'),
      await tlsColumn(),
    ],
  };
}

test('who judges peers changes while it runs, as in HAProxy', async () => {
  const { haproxy, bramble } = await together(course);
  expect(haproxy.first).toEqual([[true, true, false, false], '503']);
  expect(haproxy.crl).toMatchObject({ 1: [true, false, false, false] });
  expect(haproxy.ca).toMatchObject({ 1: 'tls' });
  expect(haproxy.other).toMatchObject({ 1: [false, false, true, false] });
  expect(bramble).toEqual(haproxy);
});
