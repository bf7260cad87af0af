import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Authority, type Issued } from '../support/authority.ts';
import { answersIn, requestOf, talk } from '../support/http-peers.ts';
import { freePortRange } from '../support/ports.ts';
import { lineMatching, type ProxyProcess } from '../support/proxy-process.ts';
import { BOTH, eventOf, startEither, type Which } from '../support/side-by-side.ts';
import { Peer, until } from '../support/tcp-peers.ts';
import { tlsTalk } from '../support/tls-peers.ts';

const FILE = fileURLToPath(new URL('../fixtures/https-edge.cfg', import.meta.url));
const API = 'api.example.test';
const STATS = 'stats.example.test';

let authority: Authority;
let certificate: Issued;

/** An API server: says OK to its check, and shows any other request as it came. */
const api = (name: string): Peer =>
  new Peer(name, (socket, who) => {
    let text = '';
    socket.on('data', (data: Buffer) => {
      text += data.toString('latin1');
      if (!text.includes('\r\n\r\n')) return;
      const body = text.startsWith('GET /status') ? 'OK' : `${who}\n${text}`;
      text = '';
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    });
    socket.on('end', () => socket.end());
  });

interface Edge {
  which: Which;
  proxy: ProxyProcess;
  http: number;
  https: number;
  servers: Peer[];
}

/** Runs the file as it is, with three API servers of its own. */
async function withEdge<T>(which: Which, use: (edge: Edge) => Promise<T>): Promise<T> {
  const servers = await Promise.all(['api1', 'api2', 'api3'].map((name) => api(name).start()));
  const http = await freePortRange(2);
  const https = http + 1;
  const env = {
    BIND: '127.0.0.1',
    HTTP_PORT: String(http),
    HTTPS_PORT: String(https),
    CERT: certificate.file,
    ...Object.fromEntries(
      servers.flatMap((server, index) => [
        [`NODE${index + 1}`, '127.0.0.1'],
        [`API${index + 1}_PORT`, String(server.port)],
      ]),
    ),
  };
  try {
    await using proxy = await startEither(which, { file: FILE, env, ports: [http, https] });
    return await use({ which, proxy, http, https, servers });
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

async function sideBySide<T>(use: (edge: Edge) => Promise<T>): Promise<T> {
  const [reference, ours] = [await withEdge('haproxy', use), await withEdge('bramble', use)];
  expect(ours).toEqual(reference);
  return ours;
}

const request = (line: string, host: string, ...more: string[]): string =>
  [`${line} HTTP/1.1`, `Host: ${host}`, ...more, '', ''].join('\r\n');

/** What is in an answer besides the names of servers and what a page counts. */
const gist = (text: string) =>
  answersIn(text).map(({ status, fields, body }) => ({
    status,
    // A page of statistics comes in chunks from one, and with its length from the other.
    fields: fields.filter((each) => !/^(content-length|transfer-encoding)/.test(each)),
    body: body.includes('<title>') ? 'a page' : body.replace(/api\d/, 'api'),
  }));

beforeAll(() => {
  authority = new Authority();
  certificate = authority.issue('edge.pem', ['edge.example.test', '*.example.test']);
});
afterAll(() => authority?.remove());

describe('the HTTPS edge', () => {
  test('answers each host over HTTP and HTTPS as HAProxy does', async () => {
    const requests = [
      ...['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'OPTIONS'].map((method) =>
        request(`${method} /things?x=1`, API, 'Content-Length: 0'),
      ),
      request('GET /a', 'API.Example.Test', 'X-Forwarded-For: 192.0.2.1'),
      request('GET /a', `${API}:8080`),
      request('GET /a', 'elsewhere.test'),
      request('GET /stats', STATS),
      request('GET /stats', STATS, 'Authorization: Basic YWRtaW46c2VjcmV0'),
      request('GET /stats', STATS, 'Authorization: Basic YWRtaW46d3Jvbmc='),
      request('GET /nothing', STATS, 'Authorization: Basic YWRtaW46c2VjcmV0'),
      'GET / HTTP/1.0\r\n\r\n',
    ];
    const seen = await sideBySide(async ({ http, https, proxy }) => {
      const answers = [];
      for (const [index, text] of requests.entries()) {
        const from = proxy.out.length;
        const plain = await talk(http, [text]);
        const secure = await tlsTalk(https, { send: text, servername: API });
        await until(
          () => proxy.out.slice(from).filter((line) => line.endsWith('"')).length >= 2,
          `two lines for request ${index}`,
        );
        const lines = proxy.out
          .slice(from)
          // The first knock on the ports, which nobody sees in the same place.
          .filter((line) => !line.includes('handshake'))
          // HAProxy gives the pages of its own lengths, and refusals a status, that nobody received.
          .map((line) =>
            requestOf(line)
              .replace(/api\d /, 'api ')
              .replace(/(<STATS>).*(LR)/, '$1 $2'),
          )
          .sort();
        answers.push({ plain: gist(plain.text), secure: gist(secure.text), lines });
      }
      return answers;
    });
    const statuses = seen.map(({ secure }) => secure[0]?.status);
    expect(statuses).toEqual([
      ...[200, 200, 200, 200, 403, 403, 403],
      ...[200, 503, 503, 401, 200, 401, 503, 503],
    ]);
    console.log(`${2 * seen.length} requests to each, ${statuses.join(' ')}`);
  });

  test('serves the certificate of the file, and HTTP/1.1', async () => {
    for (const which of BOTH) {
      await withEdge(which, async ({ https }) => {
        const { subject, protocol, text } = await tlsTalk(https, {
          send: request('GET /', API),
          ALPNProtocols: ['http/1.1'],
        });
        expect({ subject, protocol }).toEqual({
          subject: 'edge.example.test',
          protocol: 'TLSv1.3',
        });
        expect(text).toMatch(/^HTTP\/1\.1 200 OK/);
        expect((await tlsTalk(https, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })).subject).toBe(
          undefined,
        );
      });
    }
  });

  test('spreads requests, and goes on without a server that dies', async () => {
    await sideBySide(async ({ https, proxy, servers }) => {
      const ask = async (count: number): Promise<Record<string, number>> => {
        const tally: Record<string, number> = {};
        for (let index = 0; index < count; index++) {
          const { text } = await tlsTalk(https, { send: request(`GET /${index}`, API) });
          const who = /\r\n\r\n(api\d)\n/.exec(text)?.[1] ?? text.slice(0, 12);
          tally[who] = (tally[who] ?? 0) + 1;
        }
        return tally;
      };
      const before = await ask(9);
      const from = proxy.out.length;
      await servers[1]!.stop();
      const down = await lineMatching(proxy.out, /Server api\/api2 is DOWN/, { from });
      const without = await ask(8);
      await servers[1]!.start();
      const up = await lineMatching(proxy.out, /Server api\/api2 is UP/, { from });
      return { before, without, events: [down, up].map(eventOf), after: await ask(9) };
    });
  });

  test('closes connections to servers after each request, not those to clients', async () => {
    await sideBySide(async ({ https, servers }) => {
      const accepted = (): number => servers.reduce((sum, { accepted: count }) => sum + count, 0);
      const both = request('GET /1', API) + request('GET /2', API);
      const { text } = await tlsTalk(https, { send: both });
      expect(accepted()).toBeGreaterThan(1);
      return gist(text);
    });
  });
});
