import { readFileSync } from 'node:fs';
import path from 'node:path';
import kafkajs, { type KafkaConfig, type LogEntry, type SASLOptions } from 'kafkajs';
import type { KafkaSettings } from '#core/config/bridge.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';

/** Milliseconds. A request that takes longer is sent again; Kafka drops the copy. */
const REQUEST_TIMEOUT = 15_000;
const CONNECTION_TIMEOUT = 3_000;
const AUTHENTICATION_TIMEOUT = 5_000;
/** Within one call; who calls tries again by itself, for as long as it takes. */
const RETRY = { initialRetryTime: 100, maxRetryTime: 500, retries: 2 };

const { logLevel } = kafkajs;

/** What every client of kafkajs gets. Throws CONFIG_INVALID for a file that cannot be read. */
export function clientConfig(
  settings: KafkaSettings,
  folder: string,
  clientId: string,
  log: Logger,
): KafkaConfig {
  const { bootstrap, tls, sasl } = settings;
  return {
    clientId,
    brokers: bootstrap,
    ...(tls === undefined ? {} : { ssl: tlsOptions(tls, folder) }),
    ...(sasl === undefined
      ? {}
      : {
          sasl: {
            mechanism: sasl.mechanism,
            username: sasl.user,
            password: sasl.password,
          } as SASLOptions,
        }),
    connectionTimeout: CONNECTION_TIMEOUT,
    authenticationTimeout: AUTHENTICATION_TIMEOUT,
    requestTimeout: REQUEST_TIMEOUT,
    enforceRequestTimeout: true,
    retry: RETRY,
    logLevel: logLevel.WARN,
    // Whoever called tells what it means; this is for who wants to look below.
    logCreator: () => (entry: LogEntry) => {
      const { message, ...rest } = entry.log;
      log.debug({ kafkajs: rest, namespace: entry.namespace }, message);
    },
  };
}

function tlsOptions(tls: NonNullable<KafkaSettings['tls']>, folder: string) {
  const read = (file: string | undefined): Buffer | undefined => {
    if (file === undefined) return undefined;
    const full = path.resolve(folder, file);
    try {
      return readFileSync(full);
    } catch (cause) {
      throw new BrambleError(ERROR_CODES.CONFIG_INVALID, `kafka.tls: cannot read ${full}`, {
        cause,
      });
    }
  };
  const [ca, cert, key] = [read(tls.authority), read(tls.certificate), read(tls.key)];
  return {
    ...(ca === undefined ? {} : { ca: [ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}
