import { afterEach, expect, test } from 'vitest';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { HealthServer } from '#core/health.ts';
import { createRegistry } from '#core/metrics.ts';
import { freePort } from '../../support/ports.ts';

const open: HealthServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function serve(unready: string[], port?: number): Promise<string> {
  const at = port ?? (await freePort());
  const registry = createRegistry({ service: 'test' });
  const status = () => ({ service: 'test' });
  const server = new HealthServer({
    host: '127.0.0.1',
    port: at,
    unready: () => unready,
    registry,
    status,
  });
  await server.start();
  open.push(server);
  return `http://127.0.0.1:${at}`;
}

test('alive and ready are two questions', async () => {
  const reasons: string[] = ['nats-server is away'];
  const url = await serve(reasons);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  const refused = await fetch(`${url}/readyz`);
  expect(refused.status).toBe(503);
  expect(await refused.json()).toEqual({ ready: false, reasons: ['nats-server is away'] });
  reasons.length = 0;
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
});

test('metrics are Prometheus text, status is JSON, the rest is 404', async () => {
  const url = await serve([]);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toContain('process_resident_memory_bytes{service="test"}');
  expect(await (await fetch(`${url}/status`)).json()).toEqual({ service: 'test' });
  expect((await fetch(`${url}/`)).status).toBe(404);
});

test('a port in use is a typed error that names the port', async () => {
  const port = await freePort();
  await serve([], port);
  const error = await serve([], port).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(BrambleError);
  expect(error).toMatchObject({ code: ERROR_CODES.PORT_IN_USE });
  expect(String(error)).toContain(`127.0.0.1:${port}`);
});
