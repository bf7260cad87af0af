import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePorts } from '../support/ports.ts';
import { startEither } from '../support/side-by-side.ts';
import { ask, both, startWebs, type Web } from '../support/webs.ts';

let web: Web;
beforeAll(async () => {
  [web] = (await startWebs('a')) as [Web];
  web.respond = (request, response) => {
    const type = request.url?.startsWith('/text') ? 'text/plain' : 'image/png';
    response.setHeader('content-type', type);
    response.setHeader('cache-control', 'max-age=60');
    response.end('a text that repeats itself. '.repeat(100));
  };
});
afterAll(() => web.stop());

test('rules and logs know of compression and caches, side by side with HAProxy', async () => {
  const { haproxy, bramble } = await both(async (which) => {
    const [port, probe] = (await freePorts(2)) as [number, number];
    const config = `
global
    log stdout format raw local0
cache kept
    total-max-size 4
    max-age 60
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
listen l
    log global
    log-format "%HU %ST %s [%[res.comp]] [%[res.comp_algo]] [%[res.cache_hit]] [%[res.cache_name]]"
    bind 127.0.0.1:${port}
    compression algo gzip
    compression type text/plain
    http-request cache-use kept if { path_end .kept }
    http-response cache-store kept
    http-response set-header x-cache "%[res.cache_hit] %[res.cache_name]"
    server s 127.0.0.1:${web.port}
listen probe
    bind 127.0.0.1:${probe}
`;
    await using proxy = await startEither(which, { config, ports: [probe] });
    const seen = [];
    for (const path of ['/text', '/image', '/image.kept', '/image.kept', '/text', '/other.kept']) {
      for (const headers of [{}, { 'accept-encoding': 'gzip' }]) {
        const { status, headers: fields } = await ask(port, { path, headers });
        seen.push([path, status, fields['x-cache'], fields['content-encoding']]);
      }
    }
    await sleep(100);
    return { seen, log: [...proxy.out] };
  });
  expect(bramble).toEqual(haproxy);
  expect(haproxy.log.filter((line) => line.includes('[kept]')).length).toBeGreaterThan(0);
  expect(haproxy.log.filter((line) => line.includes('[gzip]')).length).toBeGreaterThan(0);
});
