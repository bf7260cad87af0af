import { readFileSync } from 'node:fs';
import path from 'node:path';
import kafkajs, { type KafkaConfig, type SASLOptions } from 'kafkajs';
import type { KafkaSettings } from '#core/config/bridge.ts';
import { quietTimers } from '#core/kafka/quiet-timers.ts';

/**
 * A client with the logins of cluster.yaml, whose directory the certificates are relative to.
 * `authority`, PEM: who signs those of the cluster's own Kafka, in the place of a file.
 */
export function kafkaClient(
  { tls, sasl }: Pick<KafkaSettings, 'tls' | 'sasl'>,
  directory: string,
  own: KafkaConfig,
  authority?: string,
): kafkajs.Kafka {
  quietTimers();
  const read = (file: string) => readFileSync(path.resolve(directory, file));
  return new kafkajs.Kafka({
    logLevel: kafkajs.logLevel.NOTHING,
    ...(tls === undefined
      ? {}
      : {
          ssl: {
            ...(tls.authority === undefined ? {} : { ca: [authority ?? read(tls.authority)] }),
            ...(tls.certificate === undefined ? {} : { cert: read(tls.certificate) }),
            ...(tls.key === undefined ? {} : { key: read(tls.key) }),
          },
        }),
    ...(sasl === undefined
      ? {}
      : { sasl: { ...sasl, username: sasl.user } as unknown as SASLOptions }),
    ...own,
  });
}
