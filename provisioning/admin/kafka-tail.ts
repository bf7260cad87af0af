import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type kafkajs from 'kafkajs';
import { loadCluster } from '#core/config/cluster.ts';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import { kafkaAuthority } from '../certificates/kafka-certificates.ts';
import { kafkaClient } from '../kafka/client.ts';
import { printable } from './table.ts';

const SHOWN = 160;
/** Between two looks whether a topic is there, milliseconds. */
const LOOK = 500;

/**
 * Prints what arrives in a topic, one record a line, until SIGINT. Resolves to the exit code. A topic
 * that is not there yet is waited for, and read from its first record on.
 */
export async function tailTopic(
  clusterFile: string,
  topic: string,
  print: (text: string) => void,
): Promise<number> {
  const { kafka: settings, cluster, nodes } = loadCluster(clusterFile);
  if (settings === undefined) {
    throw new BrambleError(ERROR_CODES.CONFIG_INVALID, `${clusterFile} has no kafka part`);
  }
  const own = nodes.some(({ roles }) => roles.includes('kafka'));
  const client = kafkaClient(
    settings,
    path.dirname(clusterFile),
    { clientId: 'bramble-tail', brokers: settings.bootstrap, retry: { retries: 3 } },
    own ? kafkaAuthority(cluster.secret) : undefined,
  );
  const consumer = client.consumer({ groupId: `bramble-tail-${randomUUID()}` });
  try {
    const isNew = await awaitTopic(client, topic);
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: isNew });
    await consumer.run({
      eachMessage: ({ partition, message: { offset, key, value } }) => {
        const text = printable((value ?? '').toString().slice(0, SHOWN));
        print(`${partition}/${offset}  ${printable(key?.toString() ?? '-')}  ${text}\n`);
        return Promise.resolve();
      },
    });
    await new Promise((resolve) => process.once('SIGINT', resolve));
    return 0;
  } catch (cause) {
    throw new BrambleError(ERROR_CODES.PROCESS_EXITED, `Kafka: ${describeError(cause)}`, { cause });
  } finally {
    await consumer.disconnect().catch(() => {});
  }
}

/** Resolves when the topic is there: to whether it was made in the meantime. */
async function awaitTopic(client: kafkajs.Kafka, topic: string): Promise<boolean> {
  const admin = client.admin();
  await admin.connect();
  try {
    for (let looks = 0; ; looks++) {
      if ((await admin.listTopics()).includes(topic)) return looks > 0;
      if (looks === 0)
        process.stderr.write(`no topic ${topic} yet: it is made with its first record\n`);
      await sleep(LOOK);
    }
  } finally {
    await admin.disconnect();
  }
}
