import { once } from 'node:events';
import http from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { NameServer } from '../support/name-server.ts';
import { freePortRange } from '../support/ports.ts';
import { ask, both, withListens } from '../support/webs.ts';

/** One port, an address of this machine each: who answers says which. */
const servers: http.Server[] = [];
let port: number;
let names: NameServer;
beforeAll(async () => {
  names = await new NameServer().start();
  port = await freePortRange(1);
  for (const host of ['127.0.0.2', '127.0.0.3']) {
    const server = http.createServer((request, response) =>
      response.end(`${host} ${request.headers['x-address'] ?? ''}`),
    );
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
  names.addresses.set('two.test', ['127.0.0.2']);
  names.addresses.set('three.test', ['127.0.0.3']);
  names.silent = false;
  names.questions = 0;
});

const section = (): string => `
resolvers r
 nameserver ns 127.0.0.1:${names.port}
 timeout resolve 500ms
 timeout retry 200ms
 hold valid 20s
`;

const rules = `
 http-request do-resolve(txn.address,r,ipv4) hdr(host),lower,field(1,:)
 http-request set-header x-address %[var(txn.address)]
 http-request deny deny_status 404 unless { var(txn.address) -m found }
 http-request set-dst var(txn.address)
`;

describe('names that requests bring, side by side with HAProxy', () => {
  test('a request goes to the address of its host, and nowhere without one', async () => {
    const { haproxy, bramble } = await both(async (which) => {
      const body = `${rules} server any 0.0.0.0:${port}\n${section()}`;
      return await withListens(which, [body], async ([at]) => {
        const seen: string[] = [];
        for (const host of ['two.test', 'Three.Test:80', 'two.test', 'none.test', 'a b', '']) {
          const { status, body: text } = await ask(at!, { headers: { host } });
          seen.push(`${status} ${status === 200 ? text : ''}`);
        }
        return seen;
      });
    });
    expect(haproxy).toEqual([
      '200 127.0.0.2 127.0.0.2',
      '200 127.0.0.3 127.0.0.3',
      '200 127.0.0.2 127.0.0.2',
      '404 ',
      ...haproxy.slice(4),
    ]);
    expect(bramble).toEqual(haproxy);
  });

  test('a server of names that says nothing is waited for as long as its retries last', async () => {
    names.silent = true;
    const { haproxy, bramble } = await both(async (which) => {
      const body = `${rules} server any 0.0.0.0:${port}\n${section()}`;
      return await withListens(which, [body], async ([at]) => {
        const all = ['two.test', 'two.test', 'three.test'].map((host) =>
          ask(at!, { headers: { host } }),
        );
        return (await Promise.all(all)).map(({ status }) => status);
      });
    });
    expect(haproxy).toEqual([404, 404, 404]);
    expect(bramble).toEqual(haproxy);
  });

  test('a connection in mode tcp goes where its rules have found', async () => {
    const { haproxy, bramble } = await both(async (which) => {
      const body = ` mode tcp
 option tcplog
 tcp-request inspect-delay 5s
 tcp-request content reject unless HTTP
 tcp-request content do-resolve(txn.address,r,ipv4) req.payload(0,0),regsub(\\r\\n,;,g),field(2,;),regsub(.*:\\ ,)
 tcp-request content reject unless { var(txn.address) -m found }
 tcp-request content set-dst var(txn.address)
 server any 0.0.0.0:${port}
${section()}`;
      return await withListens(which, [body], async ([at]) => {
        const seen: string[] = [];
        for (const host of ['two.test', 'three.test', 'none.test']) {
          seen.push(
            await ask(at!, { headers: { host } }).then(
              ({ body: text }) => text,
              () => 'refused',
            ),
          );
        }
        return seen;
      });
    });
    expect(haproxy).toEqual(['127.0.0.2 ', '127.0.0.3 ', 'refused']);
    expect(bramble).toEqual(haproxy);
  });

  test('an answer holds, and who asks at the same time waits for the same one', async () => {
    const body = `${rules} server any 0.0.0.0:${port}\n${section()}`;
    await withListens('bramble', [body], async ([at]) => {
      const one = () => ask(at!, { headers: { host: 'two.test' } });
      await Promise.all(Array.from({ length: 20 }, one));
      for (let turn = 0; turn < 5; turn++) await one();
    });
    expect(names.questions).toBe(1);
  });

  test('a client that leaves meanwhile leaves nothing behind', async () => {
    names.silent = true;
    const body = `${rules} server any 0.0.0.0:${port}\n${section()}`;
    await withListens('bramble', [body], async ([at]) => {
      for (let turn = 0; turn < 20; turn++) {
        const request = http.get({ port: at!, headers: { host: 'two.test' } });
        request.on('error', () => undefined);
        const closed = new Promise((resolve) => request.once('close', resolve));
        setTimeout(() => request.destroy(), 20);
        await closed;
      }
      names.silent = false;
      const { status } = await ask(at!, { headers: { host: 'three.test' } });
      expect(status).toBe(200);
    });
  });
});
