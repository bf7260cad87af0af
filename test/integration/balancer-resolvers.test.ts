import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { NameServer } from '../support/name-server.ts';
import { freePortRange } from '../support/ports.ts';
import type { Which } from '../support/side-by-side.ts';
import { ask, both, withListens } from '../support/webs.ts';

/** One port, an address of this machine each: who answers says which. */
const servers: http.Server[] = [];
let port: number;
let names: NameServer;
beforeAll(async () => {
  names = await new NameServer().start();
  port = await freePortRange(1);
  for (const host of ['127.0.0.1', '127.0.0.2', '127.0.0.3']) {
    const server = http.createServer((_request, response) => response.end(host));
    server.listen(port, host);
    await once(server, 'listening');
    servers.push(server);
  }
});
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await names.stop();
});
beforeEach(() => {
  names.addresses.clear();
  names.services.clear();
});

const section = (): string => `
resolvers r
 nameserver ns 127.0.0.1:${names.port}
 resolve_retries 2
 timeout resolve 200ms
 timeout retry 200ms
 hold valid 200ms
 hold nx 300ms
 hold obsolete 0s
`;

/** Asks until the answers are those, for ten seconds at most; what came last. */
async function until(at: number, wanted: string): Promise<string> {
  let seen = '';
  for (let turn = 0; turn < 100; turn++) {
    const answers = new Set<string>();
    for (let each = 0; each < 3; each++) {
      const { status, body } = await ask(at);
      answers.add(status === 200 ? body : `${status}`);
    }
    seen = [...answers].toSorted().join(' ');
    if (seen === wanted) return seen;
    await sleep(100);
  }
  return seen;
}

const body = (line: string): string => ` balance roundrobin\n retries 0\n ${line}\n${section()}`;

const scenario = (line: string, steps: readonly [change: () => void, wanted: string][]) =>
  both(async (which: Which) => {
    names.addresses.clear();
    names.services.clear();
    return await withListens(which, [body(line)], async ([at], proxy) => {
      const seen: string[] = [];
      for (const [change, wanted] of steps) {
        change();
        seen.push(await until(at!, wanted));
      }
      const said = [...proxy.out, ...proxy.err].flatMap(
        (text) => /(x0\/\w+ changed its IP from \S+ to \S+ by r\/ns)/.exec(text)?.[1] ?? [],
      );
      return { seen, said: [...new Set(said)].toSorted() };
    });
  });

describe('names of servers, side by side with HAProxy', () => {
  test('a server waits for its address, follows it, and goes when the name does', async () => {
    const line = `server s web.test:${port} resolvers r init-addr none resolve-prefer ipv4`;
    const { haproxy, bramble } = await scenario(line, [
      [() => undefined, '503'],
      [() => names.addresses.set('web.test', ['127.0.0.1']), '127.0.0.1'],
      [() => names.addresses.set('web.test', ['127.0.0.2']), '127.0.0.2'],
      [() => names.addresses.delete('web.test'), '503'],
      [() => names.addresses.set('web.test', ['127.0.0.3']), '127.0.0.3'],
    ]);
    expect(haproxy.seen).toEqual(['503', '127.0.0.1', '127.0.0.2', '503', '127.0.0.3']);
    expect(bramble.seen).toEqual(haproxy.seen);
    expect(bramble.said.join()).toContain('from 127.0.0.1 to 127.0.0.2 by r/ns');
  });

  test('an address in init-addr is used until the resolvers know better', async () => {
    const line = `server s web.test:${port} resolvers r init-addr 127.0.0.3 resolve-prefer ipv4`;
    const { haproxy, bramble } = await scenario(line, [
      [() => undefined, '127.0.0.3'],
      [() => names.addresses.set('web.test', ['127.0.0.2']), '127.0.0.2'],
    ]);
    expect(haproxy.seen).toEqual(['127.0.0.3', '127.0.0.2']);
    expect(bramble.seen).toEqual(haproxy.seen);
  });

  test('a template shares the addresses of one name out', async () => {
    const line = `server-template s 3 web.test:${port} resolvers r init-addr none resolve-prefer ipv4`;
    const steps: [() => void, string][] = [
      [() => names.addresses.set('web.test', ['127.0.0.1', '127.0.0.2']), '127.0.0.1 127.0.0.2'],
      [() => names.addresses.set('web.test', ['127.0.0.2', '127.0.0.3']), '127.0.0.2 127.0.0.3'],
      [() => names.addresses.set('web.test', ['127.0.0.3']), '127.0.0.3'],
    ];
    const { haproxy, bramble } = await scenario(line, steps);
    expect(haproxy.seen).toEqual(steps.map(([, wanted]) => wanted));
    expect(bramble.seen).toEqual(haproxy.seen);
  });

  test('SRV records bring addresses and ports', async () => {
    const line =
      'server-template s 2 _http._tcp.web.test resolvers r init-addr none resolve-prefer ipv4';
    const { haproxy, bramble } = await scenario(line, [
      [
        () => {
          names.addresses.set('one.test', ['127.0.0.1']);
          names.addresses.set('two.test', ['127.0.0.2']);
          names.services.set('_http._tcp.web.test', [
            { target: 'one.test', port },
            { target: 'two.test', port },
          ]);
        },
        '127.0.0.1 127.0.0.2',
      ],
    ]);
    expect(haproxy.seen).toEqual(['127.0.0.1 127.0.0.2']);
    expect(bramble.seen).toEqual(haproxy.seen);
  });
});
