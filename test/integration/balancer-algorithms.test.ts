import { afterEach, describe, expect, it } from 'vitest';
import { lineMatching } from '../support/proxy-process.ts';
import { type Which, withProxy } from '../support/side-by-side.ts';
import { Client, nameOnData, Peer } from '../support/tcp-peers.ts';

const peers: Peer[] = [];

afterEach(async () => {
  await Promise.all(peers.splice(0).map((one) => one.stop()));
});

async function peersOf(names: string): Promise<Peer[]> {
  const all = await Promise.all([...names].map((name) => new Peer(name, nameOnData).start()));
  peers.push(...all);
  return all;
}

async function both<T>(
  scenario: (which: Which) => Promise<T>,
): Promise<{ haproxy: T; bramble: T }> {
  const haproxy = await scenario('haproxy');
  return { haproxy, bramble: await scenario('bramble') };
}

async function ask(port: number): Promise<string> {
  const client = new Client(port).send('?');
  const name = await client.answer();
  await client.leave();
  return name;
}

async function askTimes(port: number, count: number): Promise<string> {
  let order = '';
  for (let i = 0; i < count; i++) order += await ask(port);
  return order;
}

const bodyOf = (balance: string, servers: readonly Peer[], parameters: readonly string[]): string =>
  [
    `listen x\n bind 127.0.0.1:PORT\n balance ${balance}`,
    ...servers.map((one, i) => ` server ${one.name} 127.0.0.1:${one.port} ${parameters[i]}`),
  ].join('\n');

describe('static-rr', () => {
  it.each([
    [[1, 1, 1]],
    [[3, 2, 1]],
    [[2, 4, 6]],
    [[10, 3, 7, 2]],
    [[1, 5]],
    [[256, 1]],
    [[4, 0, 2]],
    [[1, 1, 4, 0]],
  ])('takes servers of the weights %j in the order of HAProxy', async (weights) => {
    const servers = await peersOf('abcd'.slice(0, weights.length));
    const parameters = weights.map((weight) => `weight ${weight}`);
    const { haproxy, bramble } = await both((which) =>
      withProxy(which, bodyOf('static-rr', servers, parameters), (port) => askTimes(port, 60)),
    );
    console.log('static-rr', JSON.stringify(weights), bramble);
    expect(bramble).toBe(haproxy);
  });

  it('goes on as HAProxy does when a server dies', async () => {
    const { haproxy, bramble } = await both(async (which) => {
      const servers = await peersOf('abc');
      const parameters = [3, 2, 1].map((weight) => `weight ${weight} check inter 100 fall 1`);
      return await withProxy(
        which,
        bodyOf('static-rr', servers, parameters),
        async (port, proxy) => {
          const before = await askTimes(port, 12);
          await servers[0]!.stop();
          await lineMatching(proxy.out, /Server x\/a is DOWN/);
          return `${before} ${await askTimes(port, 12)}`;
        },
      );
    });
    expect(bramble).toBe(haproxy);
    expect(bramble.split(' ')[1]).not.toContain('a');
  });
});

describe('first', () => {
  it('fills servers by id, and takes the place that frees, as HAProxy does', async () => {
    const { haproxy, bramble } = await both(async (which) => {
      const servers = await peersOf('abc');
      const parameters = ['id 30 maxconn 2', 'id 10 maxconn 3', 'id 20 maxconn 2'];
      return await withProxy(which, bodyOf('first', servers, parameters), async (port) => {
        let order = '';
        const clients: Client[] = [];
        const open = async (): Promise<void> => {
          const client = new Client(port).send('?');
          clients.push(client);
          order += await client.answer();
        };
        for (let i = 0; i < 7; i++) await open();
        await clients[5]!.leave();
        await clients[1]!.leave();
        for (let i = 0; i < 2; i++) await open();
        for (const client of clients) client.socket.destroy();
        return order;
      });
    });
    expect(bramble).toBe(haproxy);
    expect(bramble).toBe('bbbccaaba');
  });
});

describe('random', () => {
  it.each(['random', 'random(1)'])(
    '%s gives shares by weight, as HAProxy does',
    async (balance) => {
      const servers = await peersOf('abc');
      const parameters = ['weight 10', 'weight 40', 'weight 0'];
      const { haproxy, bramble } = await both((which) =>
        withProxy(which, bodyOf(balance, servers, parameters), (port) => askTimes(port, 300)),
      );
      for (const order of [haproxy, bramble]) {
        const share = order.split('b').length - 1;
        expect(order).not.toContain('c');
        // 240 expected; the bounds are 6 standard deviations away.
        expect(share).toBeGreaterThan(198);
        expect(share).toBeLessThan(282);
      }
      console.log(
        balance,
        'of 300 to b:',
        haproxy.split('b').length - 1,
        bramble.split('b').length - 1,
      );
    },
  );
});
