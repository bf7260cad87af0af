import { isIPv6 } from 'node:net';
import type { z } from 'zod';
import { STANDARD_PORTS } from '../contracts/ports.ts';
import { clusterKafka, type KafkaSettings } from './bridge.ts';

interface KafkaParts {
  nodes: readonly { address: string; roles: readonly string[] }[];
  bridge?: unknown;
  kafka?: z.output<typeof clusterKafka> | undefined;
}

interface Problem {
  path: string[];
  message: string;
}

/** Whom clients of the nodes' own Kafka trust, beside cluster.yaml on each node that needs it. */
export const KAFKA_AUTHORITY = 'kafka-authority.pem';

/** It becomes part of a key of Kafka's configuration. */
const USER = /^[A-Za-z0-9_]+$/;

const runsKafka = ({ nodes }: KafkaParts): boolean =>
  nodes.some(({ roles }) => roles.includes('kafka'));

/** What cannot work of `kafka`, and of nodes with that role. */
export function kafkaProblems(cluster: KafkaParts): Problem[] {
  const { bridge, kafka } = cluster;
  const problems: Problem[] = [];
  const own = runsKafka(cluster);
  if (!own && kafka?.bootstrap === undefined && (bridge !== undefined || kafka !== undefined)) {
    const message =
      'the bridge needs to know where Kafka is: kafka.bootstrap, or a node with that role';
    problems.push({ path: [kafka === undefined ? 'bridge' : 'kafka'], message });
  }
  // Kafka elsewhere has logins of its own kind.
  if (!own) return problems;
  for (const key of ['authority', 'certificate', 'key'] as const) {
    if (kafka?.tls?.[key] === undefined) continue;
    const message = 'nodes with the role kafka make their own certificates: leave it out';
    problems.push({ path: ['kafka', 'tls', key], message });
  }
  if (kafka?.sasl !== undefined && kafka.sasl.mechanism !== 'plain') {
    const message = 'nodes with the role kafka know the mechanism plain alone';
    problems.push({ path: ['kafka', 'sasl', 'mechanism'], message });
  }
  if (kafka?.sasl !== undefined && !USER.test(kafka.sasl.user)) {
    const message = 'a user of nodes with the role kafka has letters, digits and _ alone';
    problems.push({ path: ['kafka', 'sasl', 'user'], message });
  }
  return problems;
}

/** Says where Kafka is, where it runs on nodes of the cluster itself. */
export function withOwnKafka<C extends KafkaParts>(
  cluster: C,
): Omit<C, 'kafka'> & { kafka?: KafkaSettings } {
  const { kafka, ...rest } = cluster;
  const nodes = cluster.nodes.filter(({ roles }) => roles.includes('kafka'));
  if (kafka === undefined && nodes.length === 0) return rest;
  const settings = kafka ?? clusterKafka.parse({});
  const bootstrap = settings.bootstrap ?? nodes.map(({ address }) => endpoint(address));
  const tls =
    nodes.length > 0 && settings.tls !== undefined
      ? { tls: { ...settings.tls, authority: KAFKA_AUTHORITY } }
      : {};
  const own = settings.bootstrap === undefined ? { own: nodes.length } : {};
  return { ...rest, kafka: { ...settings, ...tls, ...own, bootstrap } };
}

function endpoint(address: string): string {
  return `${isIPv6(address) ? `[${address}]` : address}:${STANDARD_PORTS.kafka}`;
}
