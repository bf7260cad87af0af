import type http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestOf } from '../support/http-peers.ts';
import { lineMatching } from '../support/proxy-process.ts';
import { until } from '../support/tcp-peers.ts';
import { ask, both, startWebs, type Web, withListens } from '../support/webs.ts';

/** Servers that answer when they are let. */
let webs: Web[] = [];
const waiting: http.ServerResponse[] = [];
let held = false;

beforeAll(async () => {
  webs = await startWebs('abc');
  for (const web of webs) {
    web.respond = (_request, response) => {
      if (held) waiting.push(response.setHeader('x-server', web.name));
      else response.end(web.name);
    };
  }
});

afterAll(async () => {
  await Promise.all(webs.map((web) => web.stop()));
});

const serverLines = (parameters: readonly string[]): string =>
  parameters
    .map((more, i) => ` server ${webs[i]!.name} 127.0.0.1:${webs[i]!.port} ${more}`)
    .join('\n');

const answerAll = (): void => {
  for (const response of waiting.splice(0)) response.end(String(response.getHeader('x-server')));
};

/** Paths are asked for at once and held; then everything is answered until all are done. */
async function crowd(port: number, paths: readonly string[]): Promise<string> {
  held = true;
  const replies: Promise<string>[] = [];
  for (const path of paths) {
    replies.push(
      ask(port, { path }).then(({ status, body }) => (status === 200 ? body : `(${status})`)),
    );
    // One after the other, so that they arrive in this order.
    await sleep(30);
  }
  const done = Promise.all(replies);
  let over = false;
  void done.finally(() => {
    over = true;
  });
  while (!over) {
    answerAll();
    await sleep(5);
  }
  held = false;
  return (await done).join('');
}

const same = (count: number, path = '/k1'): string[] => Array.from({ length: count }, () => path);

/** What the log says of each request, waiting times aside; in order of the lines. */
const logOf = (lines: readonly string[]): string[] =>
  lines
    .filter((line) => line.includes('HTTP/1.1'))
    .map((line) => `${requestOf(line)} ${/ (\d+\/\d+) "/.exec(line)?.[1]}`)
    .sort();

describe('a hashed server that is full', () => {
  it('has its sessions wait, as HAProxy does', async () => {
    const body = ` balance uri\n hash-type consistent\n${serverLines(same(3, 'maxconn 1'))}`;
    const { haproxy, bramble } = await both((which) =>
      withListens(which, [body], async ([port], proxy) => {
        const order = await crowd(port!, [...same(4), '/k2', '/k3', '/k4', ...same(2)]);
        await until(() => logOf(proxy.out).length === 9, 'nine lines');
        return { order, log: logOf(proxy.out) };
      }),
    );
    console.log('maxconn 1, own queues:', bramble.order);
    expect(bramble).toEqual(haproxy);
    expect(new Set(bramble.order.slice(0, 4)).size).toBe(1);
  });

  it.each(['', ' option redispatch\n', ' option redispatch 1\n'])(
    'refuses at maxqueue, as HAProxy does (%j)',
    async (option) => {
      const body = ` balance uri\n${option}${serverLines(same(2, 'maxconn 1 maxqueue 2'))}`;
      const { haproxy, bramble } = await both((which) =>
        withListens(which, [body], async ([port], proxy) => {
          // Who comes first among six is nobody's promise.
          const order = (await crowd(port!, same(6))).replace(/\(503\)/g, '!');
          await until(() => logOf(proxy.out).length === 6, 'six lines');
          return { order: [...order].sort().join(''), log: logOf(proxy.out) };
        }),
      );
      console.log('maxqueue 2:', bramble.order);
      expect(bramble).toEqual(haproxy);
      expect(bramble.order).toBe('!!!bbb');
    },
  );

  it.each([110, 150, 300])(
    'is passed over under hash-balance-factor %i, as in HAProxy',
    async (factor) => {
      const body = ` balance uri
 hash-type consistent
 hash-balance-factor ${factor}
${serverLines(['weight 3', 'weight 2', 'weight 5'])}`;
      const paths = [...same(12), ...same(6, '/k2'), ...same(6, '/k7')];
      const { haproxy, bramble } = await both((which) =>
        withListens(which, [body], ([port]) => crowd(port!, paths)),
      );
      console.log('hash-balance-factor', factor, bramble);
      expect(bramble).toBe(haproxy);
    },
  );
});

describe('a client with a cookie for a full server', () => {
  it.each(['', ' option redispatch\n'])(
    'waits, and at maxqueue goes elsewhere only where it may (%j), as with HAProxy',
    async (option) => {
      const body = ` balance roundrobin\n cookie S insert indirect\n${option}${serverLines([
        'maxconn 1 maxqueue 1 cookie a',
        'maxconn 1 maxqueue 1 cookie b',
      ])}`;
      const { haproxy, bramble } = await both((which) =>
        withListens(which, [body], async ([port], proxy) => {
          held = true;
          const replies: Promise<string>[] = [];
          for (let i = 0; i < 4; i++) {
            replies.push(
              ask(port!, { headers: { cookie: 'S=a' } }).then(
                ({ status, body: text, headers }) => `${status} ${text} ${headers['set-cookie']}`,
              ),
            );
            await sleep(30);
          }
          let over = false;
          const done = Promise.all(replies).finally(() => {
            over = true;
          });
          while (!over) {
            answerAll();
            await sleep(5);
          }
          held = false;
          await until(() => logOf(proxy.out).length === 4, 'four lines');
          return { replies: await done, log: logOf(proxy.out) };
        }),
      );
      expect(bramble).toEqual(haproxy);
    },
  );
});

describe('a limit that follows the load', () => {
  it('rises from minconn to maxconn as the backend fills up to fullconn', async () => {
    const body = ` balance roundrobin\n fullconn 10\n${serverLines(['minconn 1 maxconn 4'])}`;
    const { haproxy, bramble } = await both((which) =>
      withListens(which, [body], async ([port]) => {
        held = true;
        const replies: Promise<unknown>[] = [];
        for (let i = 0; i < 12; i++) {
          replies.push(ask(port!));
          await sleep(20);
        }
        const places = [waiting.length];
        for (let left = 12; left > 0; left--) {
          waiting.shift()!.end();
          await sleep(60);
          places.push(waiting.length);
        }
        await Promise.all(replies);
        held = false;
        return places;
      }),
    );
    console.log('minconn 1 maxconn 4 fullconn 10:', bramble.join(' '));
    expect(bramble).toEqual(haproxy);
    expect(Math.max(...bramble)).toBe(4);
  });
});

describe('backups', () => {
  it.each([
    ['', 'roundrobin'],
    [' option allbackups\n', 'roundrobin'],
    [' option allbackups\n', 'leastconn'],
    [' option allbackups\n', 'static-rr'],
    [' option allbackups\n hash-type consistent\n', 'uri'],
    [' option allbackups\n', 'uri'],
    ['', 'uri'],
  ])('are used as by HAProxy once nobody else is left (%j, %s)', async (option, balance) => {
    const [gone] = (await startWebs('x')) as [Web];
    await gone.stop();
    const body = ` balance ${balance}\n${option} server x 127.0.0.1:${gone.port} check inter 100 fall 1\n${serverLines(['backup weight 2', 'backup', 'backup weight 3'])}`;
    const { haproxy, bramble } = await both((which) =>
      withListens(which, [body], async ([port], proxy) => {
        await lineMatching(proxy.out, /Server x0\/x is DOWN/);
        let order = '';
        for (let i = 0; i < 18; i++) order += (await ask(port!, { path: `/${i}` })).body;
        return order;
      }),
    );
    console.log('backups', balance, JSON.stringify(option), bramble);
    expect(bramble).toBe(haproxy);
  });
});
