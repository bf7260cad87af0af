import { once } from 'node:events';
import http from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePortRange } from '../support/ports.ts';
import { startEither } from '../support/side-by-side.ts';
import { ask, both, startWebs, type Web } from '../support/webs.ts';

let webs: Web[];
/** The proxies' first port; a server has it at another address. */
let port: number;
let other: http.Server;
beforeAll(async () => {
  webs = await startWebs('ab');
  port = await freePortRange(6);
  other = http.createServer((_, response) => response.end('other'));
  other.listen(port, '127.0.0.2');
  await once(other, 'listening');
});
afterAll(async () => {
  other.close();
  for (const web of webs) await web.stop();
});

function bodies(mode: string): string[] {
  const [a, b] = webs.map((web) => `127.0.0.1:${web.port}`);
  const rule = mode === 'http' ? 'http-request' : 'tcp-request content';
  return [
    `option transparent\n    ${rule} set-dst str(127.0.0.2)`,
    `dispatch ${a}`,
    `dispatch ${a}\n    server s ${b}`,
    `dispatch ${a}\n    balance roundrobin\n    server s ${b}`,
    'dispatch 127.0.0.1:1',
  ];
}

test.each(['http', 'tcp'])(
  'what no server gets goes where HAProxy sends it, mode %s',
  async (mode) => {
    const { haproxy, bramble } = await both(async (which) => {
      const listens = bodies(mode).map(
        (body, index) => `
listen x${index}
    mode ${mode}
    bind 127.0.0.1:${port + index}
    log-format "said %b %s %ST %ts"
    ${body}
`,
      );
      const config = `
global
    log stdout format raw local0
defaults
    log global
    timeout connect 1s
    timeout client 5s
    timeout server 5s
    retries 0
${listens.join('')}
listen stats
    mode http
    no log
    bind 127.0.0.1:${port + 5}
    stats uri /stats
`;
      await using proxy = await startEither(which, { config, ports: [port + 5] });
      const agent = new http.Agent({ keepAlive: mode === 'http' });
      const seen: string[] = [];
      for (const index of listens.keys()) {
        for (let turn = 0; turn < 2; turn++) {
          const one = await ask(port + index, {}, agent).catch(() => ({ status: 0, body: '' }));
          seen.push(one.status === 200 ? one.body : String(one.status));
        }
      }
      agent.destroy();
      const csv = (await ask(port + 5, { path: '/stats;csv' })).body;
      const rows = csv.split('\n').map((row) => row.split(','));
      return {
        seen,
        log: proxy.out.filter((line) => line.startsWith('said')).toSorted(),
        rows: rows.filter(([name]) => name?.startsWith('x')).map((row) => [row[0], row[1], row[7]]),
      };
    });
    const failed = mode === 'http' ? '503' : '0';
    const wanted = ['other', 'other', 'a', 'a', 'a', 'a', 'b', 'b', failed, failed];
    expect(haproxy.seen).toEqual(wanted);
    expect(bramble).toEqual(haproxy);
  },
);
