import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Authority } from '../support/certificates.ts';
import { freePortRange } from '../support/ports.ts';
import { startEither, type Which } from '../support/side-by-side.ts';
import { startWebs, together, type Web } from '../support/webs.ts';

let ca: Authority;
let other: Authority;
let web: Web;
beforeAll(async () => {
  ca = new Authority('main authority');
  other = new Authority('other authority');
  for (const name of ['server', 'client']) {
    const { cert, key } = ca.issue(name, {
      cn: `${name}.example.org`,
      san: `DNS:${name}.example.org`,
    });
    writeFileSync(ca.file(`${name}.pem`), Buffer.concat([cert, key]));
  }
  other.issue('stranger');
  [web] = (await startWebs('a')) as [Web];
});
afterAll(async () => {
  ca.remove();
  other.remove();
  await web.stop();
});

/** Fetches whose values must be the same, as a client with a certificate makes them. */
const FETCHES = [
  'ssl_fc',
  'ssl_fc_protocol',
  'ssl_fc_cipher',
  'ssl_fc_sni',
  'ssl_fc_has_sni',
  'ssl_fc_alpn',
  'ssl_fc_is_resumed',
  'ssl_fc_alg_keysize',
  'ssl_fc_use_keysize',
  'ssl_fc_has_crt',
  'ssl_fc_has_early',
  'ssl_fc_err',
  'ssl_fc_err_str',
  'fc_err',
  'fc_err_str',
  'ssl_c_used',
  'ssl_c_verify',
  'ssl_c_err',
  'ssl_c_ca_err',
  'ssl_c_ca_err_depth',
  'ssl_c_s_dn',
  'ssl_c_s_dn(CN)',
  'ssl_c_s_dn(CN,1)',
  'ssl_c_s_dn(,0,rfc2253)',
  'ssl_c_i_dn',
  'ssl_c_i_dn(CN)',
  'ssl_c_notafter',
  'ssl_c_notbefore',
  'ssl_c_serial,hex',
  'ssl_c_sha1,hex',
  'ssl_c_sig_alg',
  'ssl_c_key_alg',
  'ssl_c_version',
  'ssl_c_der,sha1,hex',
  'ssl_f_s_dn',
  'ssl_f_s_dn(CN)',
  'ssl_f_i_dn',
  'ssl_f_i_dn(CN)',
  'ssl_f_notafter',
  'ssl_f_notbefore',
  'ssl_f_serial,hex',
  'ssl_f_sha1,hex',
  'ssl_f_sig_alg',
  'ssl_f_key_alg',
  'ssl_f_version',
  'ssl_f_der,sha1,hex',
];
/** Of the server's side, known once it answers. */
const BACK = [
  'ssl_bc',
  'ssl_bc_protocol',
  'ssl_bc_cipher',
  'ssl_bc_alg_keysize',
  'ssl_bc_use_keysize',
  'ssl_bc_alpn',
  'ssl_bc_is_resumed',
  'ssl_s_s_dn',
  'ssl_s_s_dn(CN)',
  'ssl_s_i_dn',
  'ssl_s_i_dn(CN)',
  'ssl_s_notafter',
  'ssl_s_notbefore',
  'ssl_s_serial,hex',
  'ssl_s_sha1,hex',
  'ssl_s_sig_alg',
  'ssl_s_key_alg',
  'ssl_s_version',
  'ssl_s_der,sha1,hex',
];

const CLIENTS: readonly { name: string; own?: () => tls.ConnectionOptions }[] = [
  { name: 'no certificate' },
  {
    name: 'its certificate',
    own: () => ({ cert: ca.pem('client.crt'), key: ca.pem('client.key') }),
  },
  {
    name: 'TLS 1.2',
    own: () => ({
      maxVersion: 'TLSv1.2',
      cert: ca.pem('client.crt'),
      key: ca.pem('client.key'),
      ALPNProtocols: ['http/1.1'],
    }),
  },
  {
    name: 'a stranger',
    own: () => ({ cert: other.pem('stranger.crt'), key: other.pem('stranger.key') }),
  },
];

/** One request over TLS; all that came back. */
const request = (port: number, own: tls.ConnectionOptions = {}) =>
  new Promise<string>((resolve) => {
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      servername: 'www.example.org',
      rejectUnauthorized: false,
      ...own,
    });
    let text = '';
    socket.on('secureConnect', () =>
      socket.write('GET /a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
    );
    socket.on('data', (data: Buffer) => {
      text += data.toString('latin1');
    });
    socket.on('error', () => resolve(`${text}!`));
    socket.on('close', () => resolve(text));
  });

/** Bytes that are no handshake. */
const nonsense = (port: number, text: string) =>
  new Promise<void>((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.end(text));
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
    socket.resume();
  });

async function scenario(which: Which) {
  const [front, strict, clf, https, inner, probe] = Array.from(
    { length: 6 },
    (_, index) => index,
  ) as [number, number, number, number, number, number];
  const first = await freePortRange(6);
  const port = (index: number): number => first + index;
  const bind = (index: number, more = ''): string =>
    `bind 127.0.0.1:${port(index)} ssl crt ${ca.file('server.pem')} ca-file ${ca.file('ca.crt')} ${more}`;
  const config = `
global
    log stdout format raw local0
defaults
    mode http
    log global
    timeout connect 2s
    timeout client 2s
    timeout server 5s
    http-response set-header x-none none
listen facts
    ${bind(front, 'verify optional crt-ignore-err all ca-ignore-err all alpn h2,http/1.1')}
    no log
${FETCHES.map((fetch, index) => `    http-request set-var(txn.f${index}) ${fetch}\n    http-response set-header x-${index} "%[var(txn.f${index})]"`).join('\n')}
${BACK.map((fetch, index) => `    http-response set-header x-${index + FETCHES.length} "%[${fetch}]"`).join('\n')}
    server s 127.0.0.1:${port(inner)} ssl verify none no-ssl-reuse
listen strict
    ${bind(strict, 'verify required')}
    error-log-format "error %f %ci %ts %ST %B %s %b %[fc_err] %[fc_err_str] %[ssl_c_verify] %fc"
    option httplog
    server s 127.0.0.1:${web.port}
listen clf
    ${bind(clf)}
    option httplog clf
    capture request header host len 20
    server s 127.0.0.1:${web.port}
listen https
    ${bind(https, 'verify optional')}
    option httpslog
    server s 127.0.0.1:${web.port}
listen inner
    ${bind(inner)}
    no log
    server s 127.0.0.1:${web.port}
listen probe
    mode tcp
    no log
    bind 127.0.0.1:${port(probe)}
`
    .replace('    http-response set-header x-none none\n', '')
    .replaceAll('h2,http/1.1', 'http/1.1');
  await using proxy = await startEither(which, { config, ports: [port(probe)] });
  const facts: Record<string, Record<string, string>> = {};
  for (const { name, own } of CLIENTS) {
    const text = await request(port(front), own?.());
    const seen: Record<string, string> = {};
    for (const [index, fetch] of [...FETCHES, ...BACK].entries()) {
      seen[fetch] = new RegExp(`\\r\\nx-${index}: ?(.*)\\r\\n`).exec(text)?.[1] ?? 'nothing';
    }
    facts[name] = seen;
  }
  for (const { own } of CLIENTS) await request(port(strict), own?.());
  await nonsense(port(strict), '');
  await nonsense(port(strict), 'GET / HTTP/1.1\r\n\r\n');
  await request(port(clf));
  for (const { own } of CLIENTS) await request(port(https), own?.());
  await sleep(200);
  const log = proxy.out
    .map((line) =>
      line.replace(/127\.0\.0\.1:\d+ /, 'CLIENT ').replace(/\[[^\]]*\d{4}:[^\]]*\]/, '[DATE]'),
    )
    .map((line) =>
      line.replace(/ \d+\/\d+\/\d+\/\d+\/\d+ /, ' T ').replace(/ \d+\/\d+\/\d+\/\d+\/\d+ /, ' N '),
    )
    .map((line) =>
      line.includes('""') ? line.replace(/"\d+"/g, '"N"').replace(/ \d+(?= |$)/g, ' N') : line,
    );
  return { facts, log };
}

describe('TLS, side by side with HAProxy', () => {
  test('what rules and logs know of it', async () => {
    const { haproxy, bramble } = await together(scenario);
    for (const name of Object.keys(haproxy.facts))
      expect.soft(bramble.facts[name], name).toEqual(haproxy.facts[name]);
    expect(bramble.log).toEqual(haproxy.log);
    expect(Object.keys(haproxy.facts['a stranger']!)).toHaveLength(FETCHES.length + BACK.length);
  });
});
