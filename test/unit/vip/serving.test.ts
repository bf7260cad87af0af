import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Serving } from '../../../services/vip/serving.ts';
import { eventually } from '../../support/broker.ts';

const PATIENCE = 5_000;
const FAST = { interval: 20, timeout: 100 };
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function balancer(answer: http.RequestListener, port = 0): Promise<http.Server> {
  const server = http.createServer(answer);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => stop(server));
  return server;
}

async function stop(server: http.Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

async function watch(server: http.Server): Promise<{ serving: Serving; said: unknown[] }> {
  const { port } = server.address() as AddressInfo;
  const said: unknown[] = [];
  const serving = new Serving({ host: '127.0.0.1', port, ...FAST }, () =>
    said.push(serving.unable),
  );
  ends.push(() => serving.close());
  await serving.start();
  return { serving, said };
}

test('what the balancer says of itself is passed on, once a change', async () => {
  let status = 200;
  const server = await balancer((_, response) => response.writeHead(status).end());
  const { serving, said } = await watch(server);
  expect(serving.unable).toBeDefined();
  await eventually('it serves', () => serving.unable === undefined, PATIENCE);
  status = 503;
  await eventually('it does not', () => serving.unable?.includes('broker') === true, PATIENCE);
  status = 200;
  await eventually('it does', () => serving.unable === undefined, PATIENCE);
  expect(said).toHaveLength(3);
});

test('that it has died is known without a question, and that it is back', async () => {
  const server = await balancer((_, response) => response.writeHead(200).end());
  const { port } = server.address() as AddressInfo;
  const slow = { host: '127.0.0.1', port, interval: 60_000, timeout: 1_000 };
  let changes = 0;
  const serving = new Serving(slow, () => changes++);
  ends.push(() => serving.close());
  await serving.start();
  await eventually('it serves', () => serving.unable === undefined, PATIENCE);
  await stop(server);
  await eventually('it is gone', () => serving.unable !== undefined, PATIENCE);
  expect(serving.unable).toBe('the balancer does not run');
  expect(changes).toBe(2);
});

test('one that takes connections and is silent does not serve', async () => {
  const { serving } = await watch(await balancer(() => undefined));
  await eventually('it is said', () => serving.unable === 'the balancer does not answer', PATIENCE);
});
