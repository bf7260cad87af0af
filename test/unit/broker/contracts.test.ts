import assert from 'node:assert';
import { createRequire } from 'node:module';
import net from 'node:net';
import { Aedes, type AedesOptions } from 'aedes';
import mqtt from 'mqtt';
import { afterAll, describe, expect, test } from 'vitest';
import { Emitter, type EmitterOptions } from '../../../services/broker/router/emitter.ts';
import { AedesPersistence } from '../../../services/broker/store/persistence.ts';
import { RetainedStore } from '../../../services/broker/store/retained.ts';
import { eventually } from '../../support/broker.ts';

const require = createRequire(import.meta.url);

/** The part of node:test's context that the contract suites use, with its plans enforced. */
interface Context {
  plan(count: number): void;
  fail(message: string): never;
  diagnostic(): void;
  assert: Record<string, (...values: unknown[]) => void>;
}

let suiteTests = 0;

function suite(name: string, body: (context: Context) => Promise<void>): void {
  test(name, async () => {
    let planned: number | undefined;
    let made = 0;
    const counted = (method: (...values: never[]) => unknown) => {
      return (...values: unknown[]) => {
        made++;
        (method as (...all: unknown[]) => unknown)(...values);
      };
    };
    await body({
      plan: (count) => {
        planned = count;
      },
      fail: (message) => assert.fail(message),
      diagnostic: () => {},
      assert: {
        ok: counted(assert.ok),
        // node:test's loose deepEqual: packets are compared with plain objects.
        equal: counted((a: unknown, b: unknown) => assert.equal(a, b)),
        notEqual: counted((a: unknown, b: unknown) => assert.notEqual(a, b)),
        deepEqual: counted((a: unknown, b: unknown) => assert.deepEqual(a, b)),
        ifError: counted(assert.ifError),
      },
    });
    if (planned !== undefined) expect(made).toBe(planned);
    suiteTests++;
  });
}

describe('mqemitter’s contract', () => {
  const contract = require('mqemitter/abstractTest.js') as (options: unknown) => void;
  contract({ builder: (options?: EmitterOptions) => new Emitter(options), test: suite });
});

describe('aedes-persistence’s contract', () => {
  const contract = require('aedes-persistence/abstract.js') as (options: unknown) => void;
  contract({
    test: suite,
    persistence: () => new AedesPersistence(new RetainedStore(100_000, undefined)),
    buildEmitter: () => new Emitter(),
    testAsync: true,
  });
});

afterAll(() => {
  console.log(`contract tests passed: ${suiteTests}`);
});

test('an emit within a listener joins the queue: 100,000 deep costs no stack', () => {
  const emitter = new Emitter();
  let seen = 0;
  emitter.on('loop', () => {
    if (++seen < 100_000) emitter.emit({ topic: 'loop' });
  });
  emitter.emit({ topic: 'loop' });
  expect(seen).toBe(100_000);
});

test('stock aedes on our emitter and store survives a fan-out that crashes it on its own', async () => {
  const persistence = new AedesPersistence(new RetainedStore(1_000, undefined));
  const aedes = await Aedes.createBroker({
    mq: new Emitter(),
    persistence,
  } as unknown as AedesOptions);
  const server = net.createServer(aedes.handle);
  await new Promise<void>((go) => server.listen(0, '127.0.0.1', go));
  const url = `mqtt://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  const clients = await Promise.all(Array.from({ length: 10 }, () => mqtt.connectAsync(url)));
  let received = 0;
  for (const client of clients) {
    client.on('message', () => received++);
    await client.subscribeAsync('fan');
  }
  const publisher = await mqtt.connectAsync(url);
  for (let i = 0; i < 2_000; i++) publisher.publish('fan', 'x');
  await eventually('all arrive', () => received === 20_000, 8_000);
  console.log(`stock aedes on our emitter: 10 subscribers, received ${received} of 20000`);
  for (const client of [...clients, publisher]) client.end(true);
  await new Promise<void>((closed) => aedes.close(closed));
  server.close();
});
