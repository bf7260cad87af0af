import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { kafkaId } from '../../provisioning/kafka/command.ts';
import { renderKafka } from '../../provisioning/render/kafka.ts';
import { eventually } from '../support/broker.ts';
import { builtVirtualPiWithKafka } from './built.ts';
import { bootVirtualPi } from './virtual-pi.ts';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const LOGGING = path.join(CHECKOUT, 'provisioning/kafka/log4j2.yaml');
/** Kafka's own start, on a busy machine, milliseconds. */
const START = 180_000;
const JAVA = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const CLASSES = ['-Dlog4j2.configurationFile=/etc/kafka/log4j2.yaml', '-cp', '/opt/kafka/libs/*'];
const PROPERTIES = '/etc/kafka/server.properties';

/** Writes a record and reads it again, over the virtual Pi's network. */
const ROUND_TRIP = `
  const { Kafka, logLevel } = await import('kafkajs');
  const kafka = new Kafka({ brokers: ['127.0.0.1:9092'], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'door' }], waitForLeaders: true });
  await admin.disconnect();
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic: 'door', messages: [{ key: 'front', value: 'open' }] });
  await producer.disconnect();
  const consumer = kafka.consumer({ groupId: 'test' });
  await consumer.connect();
  await consumer.subscribe({ topic: 'door', fromBeginning: true });
  const got = await new Promise((resolve) => consumer.run({
    eachMessage: async ({ message }) => resolve(message.key + ' ' + message.value),
  }));
  await consumer.disconnect();
  console.log(got);`;

const tar = await builtVirtualPiWithKafka().catch(() => undefined);

test.skipIf(tar === undefined)('Kafka runs on what the image brings of it', async () => {
  await using pi = await bootVirtualPi(tar!, async (root) => {
    const etc = path.join(root, 'etc/kafka');
    await mkdir(etc);
    await copyFile(LOGGING, path.join(etc, 'log4j2.yaml'));
    const ports = { clients: 9092, inside: 9094, controller: 9093 };
    const one = { id: 1, host: '127.0.0.1', controllers: ['127.0.0.1:9093'], nodes: 1 };
    const text = renderKafka({ ...one, ports, data: '/var/lib/kafka' });
    await writeFile(path.join(root, PROPERTIES), text);
  });
  const format = ['kafka.tools.StorageTool', 'format', '-t', kafkaId('home'), '--standalone'];
  await pi.run('java', [...JAVA, ...CLASSES, ...format, '-c', PROPERTIES]);
  const start = ['--unit=kafka', 'java', ...JAVA, ...CLASSES, 'kafka.Kafka', PROPERTIES];
  await pi.run('systemd-run', start);
  const from = performance.now();
  const script = ['--input-type=module', '-e', ROUND_TRIP];
  let came = '';
  let last: unknown;
  const attempt = async (): Promise<boolean> => {
    came = await pi.run(path.join(CHECKOUT, 'bin/node'), script, 'net').catch((error: unknown) => {
      last = error;
      return '';
    });
    return came !== '';
  };
  await eventually('a record goes round', attempt, START).catch(async (error: unknown) => {
    const said = await pi.run('journalctl', ['-q', '-u', 'kafka', '-n', '40', '--no-pager']);
    throw new Error(`${error}\n${last}\n${said}`);
  });
  console.log(`a record goes round ${((performance.now() - from) / 1000).toFixed(0)} s after`);
  expect(came).toBe('front open\n');
});
