import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ask, ask, both, startWebs, type Web, withListens } from '../support/webs.ts';

let directory: string;
let web: Web;
const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' });
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'balancer-more-rules-'));
  for (const name of ['map', 'acl'])
    writeFileSync(join(directory, name), name === 'map' ? 'a one\n' : 'first\n');
  writeFileSync(join(directory, 'rsa.pem'), keys.publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(join(directory, 'ec.pem'), curve.publicKey.export({ type: 'spki', format: 'pem' }));
  [web] = (await startWebs('a')) as [Web];
  web.respond = (request, response) => {
    const query = new URL(request.url ?? '/', 'http://x').searchParams;
    response.statusCode = Number(query.get('status') ?? 200);
    const named = ['x-server', 'x_odd', 'x-even'].map(
      (name) => `${name}=${request.headers[name] ?? ''}`,
    );
    request.resume().on('end', () => response.end(named.join(' ')));
  };
});
afterAll(async () => {
  await web.stop();
  rmSync(directory, { recursive: true });
});

const server = (): string => ` server s1 127.0.0.1:${web.port}\n`;
const write = (one: object): string => Buffer.from(JSON.stringify(one)).toString('base64url');

/** Statuses, bodies and chosen fields of each request, in order. */
async function replies(port: number, asks: readonly Ask[], fields: readonly string[]) {
  const seen: unknown[] = [];
  for (const one of asks) {
    const { status, headers, body } = await ask(port, one);
    seen.push([status, body, ...fields.map((name) => headers[name])]);
  }
  return seen;
}

describe('side by side with HAProxy', () => {
  test('rules change maps and ACLs, and see it at once', async () => {
    const map = join(directory, 'map');
    const acl = join(directory, 'acl');
    const lines = `
 http-request set-map(${map}) %[hdr(x-key)] %[hdr(x-value)] if { hdr(x-value) -m found }
 http-request del-map(${map}) %[hdr(x-key)] if { path /del }
 http-request add-acl(${acl}) %[hdr(x-key)] if { path /ban }
 http-request del-acl(${acl}) %[hdr(x-key)] if { path /pardon }
 http-request deny if { hdr(x-who) -f ${acl} }
 http-request set-var(txn.v) hdr(x-key),map(${map},none)
 http-response set-header x-found %[var(txn.v)]
${server()}`;
    const asks: Ask[] = [
      { headers: { 'x-key': 'a' } },
      { headers: { 'x-key': 'b', 'x-value': 'two' } },
      { headers: { 'x-key': 'b' } },
      { headers: { 'x-key': 'b', 'x-value': 'three' } },
      { headers: { 'x-key': 'b' } },
      { path: '/del', headers: { 'x-key': 'b' } },
      { headers: { 'x-key': 'b' } },
      { headers: { 'x-who': 'first' } },
      { headers: { 'x-who': 'other' } },
      { path: '/ban', headers: { 'x-key': 'other' } },
      { headers: { 'x-who': 'other' } },
      { path: '/pardon', headers: { 'x-key': 'other' } },
      { headers: { 'x-who': 'other' } },
    ];
    const { haproxy, bramble } = await both((which) =>
      withListens(which, [lines], ([port]) => replies(port!, asks, ['x-found'])),
    );
    expect(bramble).toEqual(haproxy);
    expect(haproxy).toHaveLength(asks.length);
  });

  test('tokens are read and their signatures checked', async () => {
    const body = `${write({ alg: 'HS256', typ: 'JWT' })}.${write({ sub: 'me', exp: 12, a: { b: 'c' } })}`;
    const hmac = createHmac('sha256', 'secret').update(body).digest('base64url');
    const rsa = `${write({ alg: 'RS256' })}.${write({ sub: 'r' })}`;
    const rs = sign('sha256', Buffer.from(rsa), keys.privateKey).toString('base64url');
    const es = sign('sha256', Buffer.from(rsa), {
      key: curve.privateKey,
      dsaEncoding: 'ieee-p1363',
    }).toString('base64url');
    const lines = `
 http-request set-var(txn.alg) hdr(x-token),jwt_header_query($.alg)
 http-request set-var(txn.exp) hdr(x-token),jwt_payload_query($.exp,int)
 http-request set-var(txn.b) hdr(x-token),jwt_payload_query($.a.b)
 http-request set-var(txn.hs) hdr(x-token),jwt_verify(HS256,secret)
 http-request set-var(txn.rs) hdr(x-token),jwt_verify(RS256,${directory}/rsa.pem)
 http-request set-var(txn.es) hdr(x-token),jwt_verify(ES256,${directory}/ec.pem)
 http-response set-header x-alg %[var(txn.alg)]
 http-response set-header x-exp %[var(txn.exp)]
 http-response set-header x-b %[var(txn.b)]
 http-response set-header x-hs %[var(txn.hs)]
 http-response set-header x-rs %[var(txn.rs)]
 http-response set-header x-es %[var(txn.es)]
${server()}`;
    const tokens = [
      `${body}.${hmac}`,
      `${body}.${hmac}x`,
      `${rsa}.${rs}`,
      `${rsa}.${es}`,
      'junk',
      'a.b',
      'a.b.c',
      '..',
      '',
    ];
    const asks = tokens.map((token) => ({ headers: { 'x-token': token } }));
    const fields = ['x-alg', 'x-exp', 'x-b', 'x-hs', 'x-rs', 'x-es'];
    const { haproxy, bramble } = await both((which) =>
      withListens(which, [lines], ([port]) => replies(port!, asks, fields)),
    );
    for (const [index, each] of haproxy.entries()) expect.soft(bramble[index]).toEqual(each);
  });

  test('servers are told their name, and odd field names are kept from them', async () => {
    const bodies = [
      ` http-send-name-header X-Server\n${server()}`,
      ` option http-restrict-req-hdr-names delete\n${server()}`,
      ` option http-restrict-req-hdr-names reject\n${server()}`,
      ` option http-restrict-req-hdr-names preserve\n${server()}`,
    ];
    const asks: Ask[] = [
      {},
      { headers: { 'x-server': 'forged' } },
      { headers: { X_odd: '1', 'x-even': '2' } },
    ];
    const { haproxy, bramble } = await both((which) =>
      withListens(which, bodies, async (ports) => {
        const seen: unknown[] = [];
        for (const port of ports) seen.push(await replies(port, asks, []));
        return seen;
      }),
    );
    expect(bramble).toEqual(haproxy);
  });

  test('what went well is not logged, or what went wrong is at another level', async () => {
    const bodies = [
      ` no log\n log stdout format short local0\n option dontlog-normal\n${server()}`,
      ` no log\n log stdout format short local0\n option log-separate-errors\n${server()}`,
      ` no log\n log stdout format short local0\n option dontlog-normal\n option log-separate-errors\n http-request deny if { path /deny }\n server dead 127.0.0.1:1\n`,
      ` no log\n log stdout format short local0\n option logasap\n${server()}`,
    ];
    const asks: Ask[] = [{}, { path: '/?status=404' }, { path: '/?status=500' }, { path: '/deny' }];
    const { haproxy, bramble } = await both((which) =>
      withListens(which, bodies, async (ports, proxy) => {
        for (const port of ports) await replies(port, asks, []);
        const lines = (): string[] =>
          proxy.out.flatMap((line) => {
            const found = /^(<\d>).* (x\d) (\S+) \S+\/(\+?)\d+ (\d+) (\+?)\d+ - - (\S+) /.exec(
              line,
            );
            return found ? [found.slice(1).join(' ')] : [];
          });
        // As many as HAProxy writes, and a moment for one too many.
        for (let turn = 0; turn < 200 && lines().length < 13; turn++) await sleep(25);
        await sleep(300);
        return lines().toSorted();
      }),
    );
    expect(haproxy.length).toBeGreaterThan(8);
    expect(bramble).toEqual(haproxy);
    console.log(`${haproxy.length} log lines compared`);
  });
});
