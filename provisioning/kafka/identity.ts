import { createHash, createHmac } from 'node:crypto';
import type { ClusterConfig } from '#core/config/cluster.ts';
import { at } from '../render/plan.ts';
import { kafkaId } from './command.ts';

/** Of a node's number, hexadecimal: Kafka's have 31 bits. */
const NUMBER_DIGITS = 7;

/** What Kafka's nodes are called in Kafka, and what they tell each other: never written down twice. */
export interface KafkaIdentity {
  /** Of the whole cluster, 22 characters. */
  cluster: string;
  nodes: readonly {
    name: string;
    address: string;
    /** `node.id`: the same whatever other nodes there are. */
    number: number;
    /** Of the directory that it founds the cluster with. */
    directory: string;
  }[];
  /** What nodes log in at each other with. */
  password: string;
}

/** All of it follows from names and cluster.secret, so it is the same on every node, always. */
export function kafkaIdentity({ cluster, nodes }: ClusterConfig): KafkaIdentity {
  const derived = (what: string): string =>
    createHmac('sha256', cluster.secret).update(what).digest('hex');
  return {
    cluster: kafkaId(derived('kafka cluster')),
    nodes: nodes
      .filter(({ roles }) => roles.includes('kafka'))
      .map(({ name, address }) => {
        const digits = createHash('sha256').update(name).digest('hex').slice(0, NUMBER_DIGITS);
        const directory = kafkaId(derived(`kafka directory ${name}`));
        return { name, address, number: Number.parseInt(digits, 16), directory };
      }),
    password: derived('kafka nodes'),
  };
}

/** The nodes that found the cluster, as `kafka-storage.sh format --initial-controllers` wants them. */
export function foundingVoters({ nodes }: KafkaIdentity, controller: number): string {
  return nodes
    .map(({ number, address, directory }) => `${number}@${at(address, controller)}:${directory}`)
    .join(',');
}
