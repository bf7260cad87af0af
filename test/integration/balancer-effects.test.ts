import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePortRange } from '../support/ports.ts';
import { startEither } from '../support/side-by-side.ts';
import { askAll, both, startWebs, type Web } from '../support/webs.ts';

let webs: Web[];
beforeAll(async () => {
  webs = await startWebs('ab');
  // The first says which connection it was asked on.
  webs[0]!.respond = (request, response) => {
    request.resume().on('end', () => response.end(`${request.socket.remotePort} `));
  };
});
afterAll(() => Promise.all(webs.map((web) => web.stop())));

/** Ports in the order of their first use: 10 10 20 30 30 → aabcc. */
function pattern(order: string): string {
  const known: string[] = [];
  return order
    .trim()
    .split(' ')
    .map((port) => {
      if (!known.includes(port)) known.push(port);
      return String.fromCharCode(97 + known.indexOf(port));
    })
    .join('');
}

test('settings do what they say, side by side with HAProxy', async () => {
  const { haproxy, bramble } = await both(async (which) => {
    const first = await freePortRange(6);
    const [one, three, never, stick, capture, probe] = Array.from(
      { length: 6 },
      (_, index) => first + index,
    ) as [number, number, number, number, number, number];
    const [ports, plain] = webs.map(({ port }) => `127.0.0.1:${port}`) as [string, string];
    const config = `
global
    log stdout format raw local0
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
listen one
    bind 127.0.0.1:${one}
    server s ${ports} max-reuse 1
listen three
    bind 127.0.0.1:${three}
    server s ${ports} max-reuse 3 proto h1
listen never
    bind 127.0.0.1:${never}
    server s ${ports} max-reuse 0
backend kept
    stick-table type string size 10
    stick on hdr(x-key)
    balance roundrobin
    server x ${plain} non-stick
    server y ${plain}
    http-response set-header x-who %s
    http-request capture hdr(x-key) id 0
    http-response capture res.hdr(x-who) id 0
frontend stick
    log global
    log-format "%b/%s %hr %hs"
    bind 127.0.0.1:${stick} id 42 backlog 64
    bind 127.0.0.1:${capture}
    declare capture request len 3
    declare capture response len 8
    default_backend kept
listen probe
    bind 127.0.0.1:${probe}
`;
    await using proxy = await startEither(which, { config, ports: [probe] });
    const many = Array.from({ length: 8 }, () => ({}));
    const reuse = [];
    for (const port of [one, three, never]) reuse.push(pattern(await askAll(port, many)));
    const keys = ['red', 'red', 'red', 'green', 'green', 'green', 'red', 'green'];
    for (const port of [stick, capture]) {
      await askAll(
        port,
        keys.map((key) => ({ headers: { 'x-key': key } })),
      );
    }
    await sleep(150);
    return { reuse, log: [...proxy.out] };
  });
  expect(bramble.log).toEqual(haproxy.log);
  expect(haproxy.log).toHaveLength(16);
  // The manual promises the limit for HTTP/2 alone, and HAProxy keeps it there alone.
  expect(haproxy.reuse).toEqual(['aaaaaaaa', 'aaaaaaaa', 'aaaaaaaa']);
  expect(bramble.reuse).toEqual(['aabbccdd', 'aaaabbbb', 'abcdefgh']);
  console.log(haproxy.reuse.join(' '), haproxy.log.slice(0, 4).join(' | '));
});
