import { parseCluster } from '#core/config/cluster.ts';
import { describeError } from '#core/errors.ts';
import { kafkaAuthority } from '../certificates/kafka-certificates.ts';
import { at } from '../render/plan.ts';
import { kafkaClient } from './client.ts';
import { hasDecided, type KafkaFacts, listensAt, readKafkaFacts } from './node-facts.ts';

export interface KafkaGateOptions {
  properties: string;
  /** Text of cluster.yaml, and its directory. */
  cluster: string;
  directory: string;
  /** For how long its service has run, milliseconds; undefined: it does not. */
  activeFor: number | undefined;
}

/** What a person sees of them, at most. */
const SHOWN = 3;
const TIMEOUT = 3_000;

/**
 * Why a node's Kafka is not as it should be: it serves, and has caught up in every partition that
 * it has a copy of. The first of a new cluster wait for a majority, which is no fault of theirs.
 * Never rejects.
 */
export async function kafkaReasons(options: KafkaGateOptions): Promise<string[]> {
  const facts = readKafkaFacts(options.properties);
  const complain = (reasons: string[]) => reasons.map((reason) => `kafka: ${reason}`);
  if (options.activeFor === undefined) return complain(['does not run']);
  if (!(await listensAt(facts.clients))) {
    const alone = !hasDecided(facts.data) && (await waitsForOthers(facts));
    return alone ? [] : complain(['does not take clients yet']);
  }
  try {
    return complain(await behind(facts, options));
  } catch (error) {
    return complain([describeError(error)]);
  }
}

/** Its controller runs, and not yet those of a majority. */
async function waitsForOthers({ controllers, clients }: KafkaFacts): Promise<boolean> {
  const open = await Promise.all(controllers.map(listensAt));
  const own = controllers.findIndex(({ host }) => host === clients.host);
  return open[own] === true && open.filter(Boolean).length <= controllers.length / 2;
}

async function behind(facts: KafkaFacts, options: KafkaGateOptions): Promise<string[]> {
  const { kafka, cluster } = parseCluster(options.cluster);
  const login = {
    clientId: 'bramble-gate',
    brokers: [at(facts.clients.host, facts.clients.port)],
    connectionTimeout: TIMEOUT,
    requestTimeout: TIMEOUT,
    retry: { retries: 0 },
  };
  const authority = kafkaAuthority(cluster.secret);
  const client = kafkaClient(kafka ?? {}, options.directory, login, authority);
  const admin = client.admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    if (!brokers.some(({ nodeId }) => nodeId === facts.number))
      return ['is not in the cluster yet'];
    const { topics } = await admin.fetchTopicMetadata();
    const late = topics.flatMap(({ name, partitions }) =>
      partitions
        .filter(
          ({ replicas, isr }) => replicas.includes(facts.number) && !isr.includes(facts.number),
        )
        .map(({ partitionId }) => `${name}/${partitionId}`),
    );
    if (late.length === 0) return [];
    const more = late.length > SHOWN ? ` and ${late.length - SHOWN} more` : '';
    return [`is behind in ${late.slice(0, SHOWN).join(', ')}${more}`];
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
