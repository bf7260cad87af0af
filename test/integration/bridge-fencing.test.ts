import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kafka as kafkaSchema } from '#core/config/bridge.ts';
import { createLog } from '#core/log.ts';
import { KafkaJsPort } from '../../services/bridge/kafka/kafkajs-port.ts';
import { type PackedRecord, RecordPacker } from '../../services/bridge/kafka/packed-record.ts';
import type { ProduceError } from '../../services/bridge/kafka/port.ts';
import { eventually } from '../support/broker.ts';
import { startKafka, type TestKafka } from '../support/kafka/kafka.ts';
import { readTopic } from '../support/kafka/read.ts';

const START = 120_000;

function packed(key: string, value: string): PackedRecord {
  const record = { key: Buffer.from(key), value: Buffer.from(value), headers: {} };
  return new RecordPacker().pack({ ...record, timestamp: Date.now() });
}

/** What a bridge that was frozen sends when it wakes, after another one has gone on. */
describe('producers of one mapping on two bridges', () => {
  const log = createLog({ service: 'test', level: 'silent' });
  let kafka: TestKafka;
  let ports: KafkaJsPort[] = [];

  beforeAll(async () => {
    kafka = await startKafka();
    const settings = kafkaSchema.parse({ bootstrap: kafka.bootstrap });
    const port = (owner: string, clientId: string): KafkaJsPort =>
      new KafkaJsPort({ settings, clusterFile: '/nowhere/cluster.yaml', clientId, owner, log });
    ports = [port('bramble.a', 'pi1'), port('bramble.a', 'pi2'), port('bramble.b', 'pi1')];
    await ports[0]!.createTopic('late');
    await ports[0]!.createTopic('others');
  }, START);

  afterAll(async () => {
    await Promise.all(ports.map((port) => port.close()));
    await kafka?.stop();
  });

  const batch = (...values: string[]): PackedRecord[] => values.map((value) => packed('k', value));

  const values = async (topic: string): Promise<string[]> =>
    (await readTopic(kafka.bootstrap, topic)).map(({ value }) => value);

  test('what the old one sends late is refused, and stands nowhere', async () => {
    const [old, now] = [ports[0]!.producer('m'), ports[1]!.producer('m')];
    await old.produce('late', 0, batch('1', '2'), 'none');
    await now.produce('late', 0, batch('3', '4'), 'none');
    const late = old.produce('late', 0, batch('2'), 'none');
    await expect(late).rejects.toMatchObject({
      failure: 'disorder',
    } satisfies Partial<ProduceError>);
    await now.produce('late', 0, batch('5'), 'none');
    expect(await values('late')).toEqual(['1', '2', '3', '4', '5']);
    // Who has the mapping again begins with a new identity, and the other one is the old one then.
    await old.produce('late', 0, batch('6'), 'none');
    await expect(now.produce('late', 0, batch('4'), 'none')).rejects.toMatchObject({
      failure: 'disorder',
    });
    expect(await values('late')).toEqual(['1', '2', '3', '4', '5', '6']);
    await Promise.all([old.close(), now.close()]);
  });

  test('other mappings and other clusters are not touched', async () => {
    const all = [
      ports[0]!.producer('one'),
      ports[1]!.producer('two'),
      ports[2]!.producer('one'),
      ports[0]!.producer('one.qos0'),
    ];
    for (const [i, one] of [...all, ...all].entries()) {
      await one.produce('others', 0, batch(String(i)), 'none');
    }
    expect(await values('others')).toHaveLength(8);
    await Promise.all(all.map((one) => one.close()));
  });
});

test(
  'a Kafka that can keep no transactional ids is written to all the same',
  async () => {
    const kafka = await startKafka({ extra: 'transaction.state.log.replication.factor=3' });
    const port = new KafkaJsPort({
      settings: kafkaSchema.parse({ bootstrap: kafka.bootstrap }),
      clusterFile: '/nowhere/cluster.yaml',
      clientId: 'pi1',
      owner: 'bramble.a',
      log: createLog({ service: 'test', level: 'silent' }),
    });
    try {
      await port.createTopic('alone');
      const producer = port.producer('m');
      const records = [packed('k', 'x')];
      await eventually(
        'it is written',
        () =>
          producer.produce('alone', 0, records, 'none').then(
            () => true,
            () => false,
          ),
        60_000,
      );
      expect(await readTopic(kafka.bootstrap, 'alone')).toHaveLength(1);
      await producer.close();
    } finally {
      await port.close();
      await kafka.stop();
    }
  },
  START,
);
