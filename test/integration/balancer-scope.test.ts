import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePorts } from '../support/ports.ts';
import { startEither } from '../support/side-by-side.ts';
import { startWebs, together, type Web } from '../support/webs.ts';

let web: Web;
beforeAll(async () => {
  [web] = (await startWebs('a')) as [Web];
});
afterAll(() => web.stop());

/** Proxies and servers of a page in CSV. */
const namesIn = (csv: string): string[] =>
  csv
    .split('\n')
    .slice(1)
    .filter((line) => line.includes(','))
    .map((line) => line.split(',').slice(0, 2).join('/'));

test('statistics are limited by name and keep that behind a form, as with HAProxy', async () => {
  const { haproxy, bramble } = await together(async (which) => {
    const [port, probe] = (await freePorts(2)) as [number, number];
    const config = `
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend fe
    bind 127.0.0.1:${port}
    stats enable
    stats uri /
    stats admin if TRUE
backend One
    server s 127.0.0.1:${web.port}
backend other-one
    server s 127.0.0.1:${web.port}
backend two
    server s 127.0.0.1:${web.port}
listen probe
    bind 127.0.0.1:${probe}
`;
    await using _proxy = await startEither(which, { config, ports: [probe] });
    const url = `http://127.0.0.1:${port}`;
    const seen: unknown[] = [];
    for (const target of [
      '/;csv',
      '/?;csv;scope=one',
      '/;csv?scope=TWO',
      '/;csv;scope=;up',
      '/;csv;scope=none',
    ]) {
      seen.push([target, namesIn(await (await fetch(url + target)).text())]);
    }
    for (const target of [
      '/',
      '/;up',
      '/;norefresh?scope=one',
      '/?scope=averyverylongnamethatiscut',
    ]) {
      const body = 's=s&action=drain&b=two';
      const response = await fetch(url + target, { method: 'POST', body, redirect: 'manual' });
      seen.push([target, response.status, response.headers.get('location')]);
    }
    return seen;
  });
  expect(bramble).toEqual(haproxy);
  console.log(`${haproxy.length} answers compared`);
});

test('a listen with a default backend uses that one, as with HAProxy', async () => {
  const { haproxy, bramble } = await together(async (which) => {
    const [port, probe] = (await freePorts(2)) as [number, number];
    const config = `
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
listen l
    bind 127.0.0.1:${port}
    http-request set-header X-Seen l
    default_backend b
    server dead 127.0.0.1:1
backend b
    http-response set-header X-Backend "%[be_name]"
    server s 127.0.0.1:${web.port}
listen probe
    bind 127.0.0.1:${probe}
`;
    await using _proxy = await startEither(which, { config, ports: [probe] });
    const response = await fetch(`http://127.0.0.1:${port}/`);
    return [response.status, response.headers.get('x-backend'), await response.text()];
  });
  expect(bramble).toEqual(haproxy);
  expect(haproxy[1]).toBe('b');
});
