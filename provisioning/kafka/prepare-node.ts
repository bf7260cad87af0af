import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { ClusterConfig } from '#core/config/cluster.ts';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import { formatKafka } from './command.ts';
import { foundingVoters, kafkaIdentity } from './identity.ts';
import { isFormatted, listensAt, readKafkaFacts } from './node-facts.ts';
import { KAFKA_VERSION } from './version.ts';

export interface PrepareOptions {
  cluster: ClusterConfig;
  /** server.properties of this node, and its logging. */
  file: string;
  log4j: string;
  /** Directories where jars may lie. */
  libs: readonly string[];
}

export interface Prepared {
  changed: boolean;
  /** `founds`: one of those that a new cluster begins with; `joins`: others are a cluster already. */
  as?: 'founds' | 'joins';
}

/** What Kafka says when it fails, characters. */
const REASON_MAX = 1_000;

/** The directory with Kafka's jars. Throws PROGRAM_MISSING. */
export function kafkaLibs(libs: readonly string[]): string {
  const jar = `kafka_2.13-${KAFKA_VERSION}.jar`;
  const found = libs.find((place) => existsSync(path.join(place, jar)));
  if (found !== undefined) return found;
  throw new BrambleError(
    ERROR_CODES.PROGRAM_MISSING,
    `Kafka ${KAFKA_VERSION} is not in ${libs.join(' or ')}`,
    { hint: 'bramble apply on a workstation brings it there; an image has it with KAFKA=1' },
  );
}

/**
 * Makes a node's directory ready, once in its life. A broker opens its port for clients when a
 * majority of controllers has let it in: where another node's is open, this one joins that cluster,
 * else it is one of the founders, who wait for a majority of each other. Rejects with
 * PROGRAM_MISSING, STORAGE.
 */
export async function prepareKafkaNode(options: PrepareOptions): Promise<Prepared> {
  const { cluster, file, log4j, libs } = options;
  const facts = readKafkaFacts(readFileSync(file, 'utf8'));
  if (isFormatted(facts.data)) return { changed: false };
  const identity = kafkaIdentity(cluster);
  const { port } = facts.clients;
  const others = identity.nodes.filter(({ number }) => number !== facts.number);
  const open = await Promise.all(others.map(({ address }) => listensAt({ host: address, port })));
  const joins = open.includes(true);
  const controllerPort = facts.controllers[0]?.port ?? 0;
  const how = joins
    ? ['--no-initial-controllers']
    : ['--initial-controllers', foundingVoters(identity, controllerPort)];
  try {
    await formatKafka(`${kafkaLibs(libs)}/*`, file, identity.cluster, how, log4j);
  } catch (cause) {
    if (cause instanceof BrambleError) throw cause;
    const why = describeError(cause).slice(-REASON_MAX);
    throw new BrambleError(ERROR_CODES.STORAGE, `${facts.data} cannot be made ready: ${why}`, {
      cause,
    });
  }
  return { changed: true, as: joins ? 'joins' : 'founds' };
}
