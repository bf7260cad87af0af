import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answersIn, requestOf, talk } from '../support/http-peers.ts';
import { both, startWebs, type Web, withListens } from '../support/webs.ts';

let web: Web;
beforeAll(async () => {
  [web] = (await startWebs('a')) as [Web];
});
afterAll(() => web.stop());

const line = (method: string, target: string, more = ''): string =>
  `${method} ${target} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
const REQUESTS = [
  line('GET', '/a?b=c'),
  line('HEAD', '/'),
  line('POST', '/form', 'Content-Length: 0\r\n'),
  line('OPTIONS', '*'),
  line('GET', 'http://other/full?q'),
  line('GET', '/one') + line('GET', '/two'),
];

test('requests are sent to the server itself, side by side with HAProxy', async () => {
  const bodies = [
    ` server s 127.0.0.1:${web.port} redir http://static.example.org`,
    ` server s 127.0.0.1:${web.port} redir //cdn/x/\n http-after-response set-header x-late yes`,
    ` default-server redir http://all\n server s 127.0.0.1:${web.port}`,
  ];
  const { haproxy, bramble } = await both((which) =>
    withListens(which, bodies, async (ports, proxy) => {
      const seen = [];
      for (const port of ports) {
        for (const request of REQUESTS) {
          const { text } = await talk(port, [request]);
          seen.push(
            answersIn(text).map((one) => ({
              ...one,
              fields: one.fields.filter((field) => !/^(date|keep-alive|connection):/.test(field)),
            })),
          );
        }
      }
      await sleep(150);
      const log = proxy.out.map((each) => requestOf(each).replace(/ (-1|N)(\/(-1|N))+ /, ' T '));
      return { seen, log };
    }),
  );
  expect(bramble.seen).toEqual(haproxy.seen);
  expect(bramble.log).toEqual(haproxy.log);
  console.log(`${haproxy.seen.flat().filter(({ status }) => status === 302).length} redirected`);
});
