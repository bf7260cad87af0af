import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import kafkajs, { type SASLOptions } from 'kafkajs';
import { loadCluster } from '#core/config/cluster.ts';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import { printable } from './table.ts';

const SHOWN = 160;

/** Prints what arrives in a topic, one record a line, until SIGINT. Resolves to the exit code. */
export async function tailTopic(
  clusterFile: string,
  topic: string,
  print: (text: string) => void,
): Promise<number> {
  const { kafka: settings } = loadCluster(clusterFile);
  if (settings === undefined) {
    throw new BrambleError(ERROR_CODES.CONFIG_INVALID, `${clusterFile} has no kafka part`);
  }
  const { bootstrap, tls, sasl } = settings;
  const read = (file: string) => readFileSync(path.resolve(path.dirname(clusterFile), file));
  const client = new kafkajs.Kafka({
    clientId: 'bramble-tail',
    brokers: bootstrap,
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { retries: 3 },
    ...(tls === undefined
      ? {}
      : {
          ssl: {
            ...(tls.authority === undefined ? {} : { ca: [read(tls.authority)] }),
            ...(tls.certificate === undefined ? {} : { cert: read(tls.certificate) }),
            ...(tls.key === undefined ? {} : { key: read(tls.key) }),
          },
        }),
    ...(sasl === undefined
      ? {}
      : { sasl: { ...sasl, username: sasl.user } as unknown as SASLOptions }),
  });
  const consumer = client.consumer({ groupId: `bramble-tail-${randomUUID()}` });
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: false });
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
