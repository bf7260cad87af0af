import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import type { ClusterSnapshot } from '../../../services/stats/model/snapshot.ts';
import { loadAssets } from '../../../services/stats/page/assets.ts';
import { Renderer } from '../../../services/stats/page/renderer.ts';
import { StreamHub } from '../../../services/stats/page/stream.ts';
import { snapshot } from './snapshots.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A hub behind a real server; what a reader sends is read but not understood. */
async function serve(state: ClusterSnapshot, from = '', maxBuffered?: number) {
  const renderer = new Renderer(loadAssets());
  const hub = new StreamHub({ renderer, ...(maxBuffered === undefined ? {} : { maxBuffered }) });
  const version = renderer.assets.version;
  const server = http.createServer((_, response) =>
    hub.open(response, from === 'same' ? renderer.idOf(state) : from, version, state),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  const { port } = server.address() as AddressInfo;
  return { hub, port, renderer };
}

async function read(port: number) {
  const request = http.get({ host: '127.0.0.1', port });
  cleanups.push(() => request.destroy());
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const reader = { text: '', ended: false, response };
  response.on('data', (chunk: Buffer) => {
    reader.text += chunk;
  });
  response.on('error', () => undefined);
  response.on('close', () => {
    reader.ended = true;
  });
  return reader;
}

const data = (text: string) =>
  text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice(6)) as { title?: string; set: Record<string, string> });

test('a reader of the present page gets differences only; of an older one, all of it first', async () => {
  const state = snapshot();
  const same = await serve(state, 'same');
  const current = await read(same.port);
  same.hub.publish(snapshot({ sequence: 2, at: state.at + 1000 }));
  await vi.waitFor(() => expect(data(current.text)).toHaveLength(1));
  expect(Object.keys(data(current.text)[0]!.set)).toContain('clock');
  expect(Object.keys(data(current.text)[0]!.set)).not.toContain('nodes');
  expect(current.text).toMatch(/^retry: \d+\n\n/);
  expect(current.text).toMatch(/id: [0-9a-f]+-2\n/);

  const older = await serve(state, 'gone-1');
  const late = await read(older.port);
  await vi.waitFor(() => expect(data(late.text)).toHaveLength(1));
  expect(Object.keys(data(late.text)[0]!.set)).toEqual(
    expect.arrayContaining(['summary', 'nodes', 'brokers', 'balancers', 'processes', 'timeline']),
  );
});

test('a second of an idle cluster costs a reader little', async () => {
  const state = snapshot();
  const { hub, port } = await serve(state, 'same');
  const reader = await read(port);
  hub.publish(snapshot({ sequence: 2, at: state.at + 1000 }));
  await vi.waitFor(() => expect(data(reader.text)).toHaveLength(1));
  console.info(`an idle second is ${reader.text.length} bytes`);
  expect(reader.text.length).toBeLessThan(2000);
});

test('a page of another release is told to reload', async () => {
  const renderer = new Renderer(loadAssets());
  const hub = new StreamHub({ renderer });
  const server = http.createServer((_, response) => hub.open(response, '', 'old', snapshot()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => server.close());
  const reader = await read((server.address() as AddressInfo).port);
  await vi.waitFor(() => expect(reader.ended).toBe(true));
  expect(reader.text).toContain('event: reload');
  expect(hub.size).toBe(0);
});

test('a reader that is no page gets everything, then what changes', async () => {
  const hub = new StreamHub({ renderer: new Renderer(loadAssets()) });
  const state = snapshot();
  const server = http.createServer((_, response) => hub.open(response, '', '', state));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    hub.close();
    server.close();
  });
  const reader = await read((server.address() as AddressInfo).port);
  await vi.waitFor(() => expect(data(reader.text)).toHaveLength(1));
  expect(Object.keys(data(reader.text)[0]!.set)).toContain('nodes');
  hub.publish(snapshot({ sequence: 2, at: state.at + 1000 }));
  await vi.waitFor(() => expect(data(reader.text)).toHaveLength(2));
});

test('a reader that does not read is dropped and its memory with it; the others go on', async () => {
  const state = snapshot();
  const { hub, port } = await serve(state, 'same', 64 << 10);
  const good = await read(port);
  const slow = net.connect(port, '127.0.0.1');
  cleanups.push(() => slow.destroy());
  await once(slow, 'connect');
  slow.pause();
  slow.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await vi.waitFor(() => expect(hub.size).toBe(2));
  let sequence = 2;
  for (; hub.dropped === 0 && sequence < 5000; sequence++) {
    const text = `${'x'.repeat(250)} ${sequence}`;
    const events = Array.from({ length: 40 }, (_, i) => ({
      id: sequence * 40 + i,
      at: state.at,
      level: 'info' as const,
      subject: 'x',
      text,
    }));
    hub.publish(snapshot({ sequence, at: state.at + sequence * 1000, events }));
    await new Promise((resolve) => setImmediate(resolve));
  }
  console.info(`dropped after ${sequence} messages`);
  expect(hub.dropped).toBe(1);
  expect(hub.size).toBe(1);
  hub.publish(snapshot({ sequence: 9999, at: state.at + 9_999_000 }));
  await vi.waitFor(() => expect(good.text).toContain('-9999\n'));
});

test('without readers nothing is rendered', async () => {
  const { hub, renderer } = await serve(snapshot());
  const rendering = vi.spyOn(renderer, 'rendering');
  hub.publish(snapshot({ sequence: 2 }));
  expect(rendering).not.toHaveBeenCalled();
});

test('closing ends every stream', async () => {
  const { hub, port } = await serve(snapshot());
  const readers = await Promise.all([read(port), read(port)]);
  hub.close();
  await vi.waitFor(() => expect(readers.every(({ ended }) => ended)).toBe(true));
  expect(hub.size).toBe(0);
});
