import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { freePorts } from '../support/ports.ts';
import { lineMatching } from '../support/proxy-process.ts';
import {
  BOTH,
  eventOf,
  sessionOf,
  startEither,
  type Which,
  withProxy,
} from '../support/side-by-side.ts';
import { Client, echo, nameOnData, Peer, until } from '../support/tcp-peers.ts';

const PI_CLUSTER = fileURLToPath(new URL('../fixtures/pi-cluster.cfg', import.meta.url));

const peers: Peer[] = [];
const peer = async (name: string, serve: ConstructorParameters<typeof Peer>[1] = nameOnData) => {
  const one = await new Peer(name, serve).start();
  peers.push(one);
  return one;
};

afterEach(async () => {
  await Promise.all(peers.splice(0).map((one) => one.stop()));
});

/** Runs the scenario under HAProxy and under ours; both results. */
async function both<T>(
  scenario: (which: Which) => Promise<T>,
): Promise<{ haproxy: T; bramble: T }> {
  const results = await Promise.all(BOTH.map(scenario));
  return { haproxy: results[0]!, bramble: results[1]! };
}

/** The name of the server that answers a new connection, which is then closed. */
async function ask(port: number): Promise<string> {
  const client = new Client(port).send('?');
  const name = await client.answer();
  await client.leave();
  return name;
}

async function askTimes(port: number, times: number): Promise<string> {
  let names = '';
  for (let i = 0; i < times; i++) names += await ask(port);
  return names;
}

describe('the example of one Pi before two brokers, unchanged', () => {
  it.runIf(existsSync(PI_CLUSTER))('spreads connections as HAProxy does', async () => {
    const { haproxy, bramble } = await both(async (which) => {
      const [a, b] = [await peer('a'), await peer('b')];
      const [http, mqtt, kafka, stats] = (await freePorts(4)) as [number, number, number, number];
      const env = {
        BIND: '127.0.0.1',
        NODE1: '127.0.0.1',
        NODE2: '127.0.0.1',
        HTTP_PORT: String(http),
        MQTT_PORT: String(mqtt),
        KAFKA_PORT: String(kafka),
        STATS_PORT: String(stats),
        DASH1_PORT: String(a.port),
        DASH2_PORT: String(b.port),
        MQTT1_PORT: String(a.port),
        MQTT2_PORT: String(b.port),
      };
      await using _proxy = await startEither(which, { file: PI_CLUSTER, env, ports: [stats] });
      const roundRobin = await askTimes(mqtt, 100);
      const held: Client[] = [];
      let least = '';
      const open = async (): Promise<void> => {
        const client = new Client(kafka).send('?');
        held.push(client);
        least += await client.answer();
      };
      for (let i = 0; i < 6; i++) await open();
      // The first three on one server leave: the next ones all go there.
      for (const client of held.filter((_, index) => index % 2 === 0)) await client.leave();
      for (let i = 0; i < 5; i++) await open();
      for (const client of held) client.socket.destroy();
      return { roundRobin, least };
    });
    console.log('roundrobin', bramble.roundRobin, 'leastconn', bramble.least);
    expect(bramble).toEqual(haproxy);
    expect(bramble.roundRobin).toBe('ab'.repeat(50));
    expect(bramble.least).toBe('abababaaaba');
  });
});

describe('distribution', () => {
  const WEIGHTS = [
    [1, 1, 1],
    [3, 2, 1],
    [10, 3, 7, 2],
    [1, 5],
    [256, 1],
    [4, 0, 2],
  ];

  it.each(WEIGHTS)('takes weighted servers in the same order: %i %i %i', async (...weights) => {
    const names = await Promise.all(weights.map((_, i) => peer('abcd'[i]!)));
    const body = (balance: string): string =>
      [
        `listen x\n bind 127.0.0.1:PORT\n balance ${balance}`,
        ...names.map((one, i) => ` server ${one.name} 127.0.0.1:${one.port} weight ${weights[i]}`),
      ].join('\n');
    const { haproxy, bramble } = await both((which) =>
      withProxy(which, body('roundrobin'), (port) => askTimes(port, 60)),
    );
    expect(bramble).toBe(haproxy);
    const held = await both((which) =>
      withProxy(which, body('leastconn'), async (port) => {
        let order = '';
        const clients: Client[] = [];
        for (let i = 0; i < 30; i++) {
          const client = new Client(port).send('?');
          order += await client.answer();
          clients.push(client);
          // Some leave on the way, so that loads fall as well as rise.
          if (i % 4 === 3) await clients.splice(i % 3, 1)[0]?.leave();
        }
        for (const client of clients) client.socket.destroy();
        return order;
      }),
    );
    expect(held.bramble).toBe(held.haproxy);
  });
});

describe('a server that dies and returns', () => {
  it('is left out and taken in again, and told of, as by HAProxy', async () => {
    const { haproxy, bramble } = await both(async (which) => {
      const [a, b] = [await peer('a'), await peer('b')];
      const body = `listen x
 bind 127.0.0.1:PORT
 server a 127.0.0.1:${a.port} check inter 150 rise 2 fall 3
 server b 127.0.0.1:${b.port} check inter 150 rise 2 fall 3`;
      return withProxy(which, body, async (port, { out, err }) => {
        const phases: Record<string, string> = {};
        phases.both = await askTimes(port, 6);
        await a.stop();
        await lineMatching(out, /Server x\/a is DOWN/);
        phases.one = await askTimes(port, 4);
        await b.stop();
        await lineMatching(out, /no server available/);
        phases.none = await askTimes(port, 2);
        await b.start();
        await lineMatching(out, /Server x\/b is UP/);
        phases.returned = await askTimes(port, 3);
        await a.start();
        await lineMatching(out, /Server x\/a is UP/);
        phases.again = await askTimes(port, 6);
        await until(() => out.filter((line) => line.startsWith('127.')).length >= 21, 'all logged');
        await lineMatching(err, /Server x\/a is UP/);
        return {
          phases,
          events: out.filter((line) => /Server|server/.test(line)).map(eventOf),
          terminal: err
            .filter((line) => /Server|server/.test(line))
            .map((line) => eventOf(line.replace(/\(\d+\)/, '(PID)'))),
          // Who else is there still when one ends differs from run to run.
          sessions: out
            .filter((line) => line.startsWith('127.'))
            .map((line) => sessionOf(line).replace(/ \d+\/\d+\/\d+ /, ' ')),
        };
      });
    });
    console.log(bramble.phases, bramble.events);
    expect(bramble).toEqual(haproxy);
    expect(bramble.phases).toMatchObject({ one: 'bbbb', none: '', returned: 'bbb' });
  });
});

describe('places and queues', () => {
  it('queues beyond maxconn, first come first served, and gives up after timeout queue', async () => {
    const { haproxy, bramble } = await both(async (which) => {
      const a = await peer('a');
      const body = `listen x
 bind 127.0.0.1:PORT
 timeout queue 3s
 server a 127.0.0.1:${a.port} maxconn 1`;
      return withProxy(which, body, async (port, { out }) => {
        const order: string[] = [];
        const first = new Client(port).send('1');
        await first.answer();
        const second = new Client(port).send('2');
        void second.answer().then((name) => order.push(`second ${name}`));
        await lagged();
        const third = new Client(port).send('3');
        const gone = until(() => third.socket.readableEnded, 'the third is sent away').then(() =>
          order.push('third gone'),
        );
        await lagged();
        const fourth = new Client(port).send('4');
        await lagged();
        fourth.socket.resetAndDestroy();
        await lagged();
        await first.leave();
        await until(() => order.length > 0, 'the second is served');
        await gone;
        await second.leave();
        third.socket.destroy();
        await until(() => out.length >= 4, 'four lines');
        return { order, lines: out.map(sessionOf).toSorted() };
      });
    });
    console.log(bramble);
    expect(bramble).toEqual(haproxy);
    expect(bramble.order).toEqual(['second a', 'third gone']);
  });

  it('leaves connections beyond the frontend maxconn waiting', async () => {
    const { haproxy, bramble } = await both(async (which) => {
      const a = await peer('a');
      const body = `listen x
 bind 127.0.0.1:PORT
 maxconn 2
 server a 127.0.0.1:${a.port}`;
      return withProxy(which, body, async (port) => {
        const clients = Array.from({ length: 5 }, () => new Client(port).send('?'));
        await until(() => clients.filter((it) => it.received.length > 0).length >= 2, 'two');
        await lagged(300);
        const served = clients.filter((client) => client.received.length > 0);
        const before = [served.length, a.accepted];
        for (const client of served) await client.leave();
        const answered = () => clients.filter((client) => client.received.length > 0).length;
        await until(() => answered() >= 4, 'two more are let in');
        await lagged(300);
        const after = answered();
        for (const client of clients) client.socket.destroy();
        return { before, after };
      });
    });
    expect(bramble).toEqual(haproxy);
    expect(bramble).toEqual({ before: [2, 2], after: 4 });
  });
});

describe('a connection that is refused', () => {
  it.each([
    ['is retried on the same server', ''],
    ['goes to another with redispatch', ' option redispatch'],
    ['goes to another with redispatch and leastconn', ' option redispatch 1\n balance leastconn'],
  ])('%s', async (_what, options) => {
    const { haproxy, bramble } = await both(async (which) => {
      const [a, b] = [await peer('a'), await peer('b')];
      await a.stop();
      const body = `listen x
 bind 127.0.0.1:PORT
 retries 2
 timeout connect 300
${options}
 server a 127.0.0.1:${a.port}
 server b 127.0.0.1:${b.port}`;
      return withProxy(which, body, async (port, { out }) => {
        const names = [await ask(port), await ask(port), await ask(port)];
        await until(() => out.length >= 3, 'three lines');
        return { names, sessions: out.map(sessionOf) };
      });
    });
    console.log(bramble);
    expect(bramble).toEqual(haproxy);
  });
});

describe('half-close', () => {
  it('carries a FIN each way while the other direction goes on', async () => {
    const { haproxy, bramble } = await both(async (which) => {
      const late = await peer('late', (socket) => {
        let text = '';
        socket.on('data', (data) => {
          text += data;
        });
        socket.on('end', () => socket.end(`${text.length} bytes, then the end`));
      });
      const early = (await peer('early', (socket) => {
        socket.end('hello');
        socket.on('data', (data) => {
          early.heard += data;
        });
      })) as Peer & { heard: string };
      early.heard = '';
      const body = `listen x
 bind 127.0.0.1:PORT
 server late 127.0.0.1:${late.port}
 server early 127.0.0.1:${early.port}`;
      return withProxy(which, body, async (port, { out }) => {
        const first = new Client(port).send('x'.repeat(1000));
        first.socket.end();
        await first.closed;
        const second = new Client(port).send('1');
        await second.answer(5);
        await until(() => second.socket.readableEnded, 'FIN of the server');
        second.send('2');
        await lagged();
        second.send('3');
        await lagged();
        await second.leave();
        await until(() => out.length >= 2, 'two lines');
        return {
          answers: [first.received.toString(), second.received.toString()],
          heard: early.heard,
          sessions: out.map(sessionOf),
        };
      });
    });
    expect(bramble).toEqual(haproxy);
    expect(bramble.heard).toBe('123');
    expect(bramble.answers).toEqual(['1000 bytes, then the end', 'hello']);
  });
});

describe('log', () => {
  it('leaves out connections without data only under dontlognull', async () => {
    const { haproxy, bramble } = await both(async (which) => {
      const a = await peer('a', echo);
      return withProxy(
        which,
        `listen x\n bind 127.0.0.1:PORT\n option dontlognull\n server a 127.0.0.1:${a.port}`,
        async (port, { out }) => {
          await new Client(port).leave();
          const client = new Client(port).send('data');
          await client.answer(4);
          await client.leave();
          await until(() => out.length >= 1, 'a line');
          return out.map(sessionOf);
        },
      );
    });
    expect(bramble).toEqual(haproxy);
    expect(bramble).toHaveLength(1);
  });
});

const lagged = (time = 60): Promise<void> => new Promise((resolve) => setTimeout(resolve, time));
