import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bridgeStateKey } from '#core/contracts/bridge.ts';
import { Bus } from '#core/jetstream/bus.ts';
import { UNWRITTEN, type Version } from '#core/jetstream/quorum-register.ts';
import { createLog } from '#core/log.ts';
import { BridgeStore } from '../../services/bridge/cluster/store.ts';
import { LogHolds } from '../../services/broker/log/holds.ts';
import { type NatsServer, startNats } from '../support/nats.ts';

const START = 60_000;

/** What the bridge stores is what keeps the brokers from trimming what it has not carried. */
describe('the place of a mapping in the log', () => {
  const log = createLog({ service: 'test', level: 'silent' });
  let servers: NatsServer[];
  let stop: () => Promise<void>;
  let bus: Bus;
  let store: BridgeStore;
  let names = ['a', 'b'];
  let holds: LogHolds;

  beforeAll(async () => {
    ({ servers, stop } = await startNats());
    const { url, user, password } = servers[0]!;
    bus = new Bus({ url, user, password, name: 'test', log });
    await bus.start(AbortSignal.timeout(START));
    holds = new LogHolds(bus, () => names);
  }, START);

  afterAll(async () => {
    await bus.close();
    await stop();
  });

  const put = async (mapping: string, floor: number[], expected = UNWRITTEN): Promise<Version> =>
    store.write(bridgeStateKey(mapping), Buffer.from(JSON.stringify({ floor })), expected);

  test('holds the log at the lowest record that any mapping needs', async () => {
    expect(await holds.floor()).toEqual([]);
    store = new BridgeStore({ bus, nodes: () => 1, log });
    await store.start(AbortSignal.timeout(START));
    expect(await holds.floor()).toEqual([]);
    await put('a', [5, 100, 7]);
    const version = await put('b', [9, 20, 8]);
    expect(await holds.floor()).toEqual([5, 20, 7]);
    await put('b', [9, 200, 8], version);
    expect(await holds.floor()).toEqual([5, 100, 7]);
  });

  test('of a mapping that is configured no more nothing is held', async () => {
    names = ['b'];
    expect(await holds.floor()).toEqual([9, 200, 8]);
    names = [];
    expect(await holds.floor()).toEqual([]);
    names = ['a', 'b'];
  });

  test('a write that another one has overtaken is refused', async () => {
    const { version } = await store.read(bridgeStateKey('a'));
    await put('a', [6, 100, 7], version);
    await expect(put('a', [7, 100, 7], version)).rejects.toMatchObject({ code: 'BRAMBLE_FENCED' });
  });

  test('when it cannot be learnt, it is an error: then nothing may be trimmed', async () => {
    await servers[0]!.kill();
    await expect(holds.floor()).rejects.toThrow();
  });
});
