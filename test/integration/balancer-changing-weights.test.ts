import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askRuntime } from '../support/runtime-socket.ts';
import { withProxy } from '../support/side-by-side.ts';
import { Client, nameOnData, Peer } from '../support/tcp-peers.ts';

let directory: string;
const peers: Peer[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'balancer-weights-'));
});
afterEach(async () => {
  await Promise.all(peers.splice(0).map((one) => one.stop()));
  rmSync(directory, { recursive: true });
});

async function ask(port: number, count: number): Promise<string> {
  let order = '';
  for (let i = 0; i < count; i++) {
    const client = new Client(port).send('?');
    order += await client.answer();
    await client.leave();
  }
  return order;
}

/** Orders, each given before so many connections. */
type Course = readonly (readonly [orders: string, connections: number])[];

const COURSES: readonly (readonly [name: string, weights: readonly number[], course: Course])[] = [
  [
    'one leaves and returns',
    [1, 1, 1],
    [
      ['', 4],
      ['disable server x/b', 5],
      ['enable server x/b', 8],
    ],
  ],
  [
    'one leaves before anybody came',
    [1, 1],
    [
      ['disable server x/b', 0],
      ['enable server x/b', 6],
    ],
  ],
  [
    'one is new',
    [2],
    [
      ['add server x/b 127.0.0.1:NEW', 0],
      ['enable server x/b', 7],
    ],
  ],
  [
    'a weight grows',
    [1, 1, 1],
    [
      ['', 4],
      ['set weight x/a 5', 15],
    ],
  ],
  [
    'a weight shrinks',
    [8, 2],
    [
      ['', 7],
      ['set weight x/a 1', 12],
    ],
  ],
  [
    'a weight becomes nothing and something',
    [2, 2, 1],
    [
      ['', 3],
      ['set weight x/b 0', 5],
      ['set weight x/b 2', 9],
    ],
  ],
  [
    'a weight changes before its server had a turn',
    [4, 1, 1],
    [
      ['', 1],
      ['set weight x/c 3', 12],
    ],
  ],
];

describe('roundrobin while servers change, side by side with HAProxy', () => {
  it.each(COURSES)('%s', async (_name, weights, course) => {
    const all = await Promise.all([...'abc'].map((name) => new Peer(name, nameOnData).start()));
    peers.push(...all);
    const body = (path: string) =>
      [
        `global\n stats socket ${path} level admin\nlisten x\n bind 127.0.0.1:PORT\n balance roundrobin`,
        ...weights.map(
          (weight, i) => ` server ${all[i]!.name} 127.0.0.1:${all[i]!.port} weight ${weight}`,
        ),
      ].join('\n');
    const orders: Record<string, string[]> = {};
    for (const which of ['haproxy', 'bramble'] as const) {
      const path = join(directory, `${which}.sock`);
      orders[which] = await withProxy(which, body(path), async (port) => {
        const seen: string[] = [];
        for (const [order, connections] of course) {
          if (order !== '') await askRuntime(path, order.replace('NEW', String(all[1]!.port)));
          seen.push(await ask(port, connections));
        }
        return seen;
      });
    }
    console.log('roundrobin', JSON.stringify(weights), orders.bramble?.join(' | '));
    expect(orders.bramble).toEqual(orders.haproxy);
  });
});
