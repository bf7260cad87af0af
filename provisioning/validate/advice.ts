import { type ClusterConfig, parseCluster } from '#core/config/cluster.ts';
import { isLoopback, sharesNetwork } from '#core/config/cluster-rules.ts';
import { type ConfigProblem, locator } from '#core/config/yaml-file.ts';

/** A cluster.yaml, and what in it will probably not do what its owner hopes for. */
export interface Judgement {
  cluster: ClusterConfig;
  warnings: readonly ConfigProblem[];
}

type Warn = (path: readonly (string | number)[], message: string) => void;

const SHORTEST_PASSWORD = 8;

/** Throws ConfigError for what cannot work; what works badly comes back as warnings, by line. */
export function judgeCluster(text: string, file: string): Judgement {
  const cluster = parseCluster(text, file);
  const at = locator(text, file);
  const warnings: ConfigProblem[] = [];
  const warn: Warn = (path, message) => warnings.push(at(path, message));
  if (!cluster.nodes.every(({ address }) => isLoopback(address))) adviseNodes(cluster, warn);
  adviseUsers(cluster, warn);
  warnings.sort((a, b) => a.line - b.line || a.column - b.column);
  return { cluster, warnings };
}

function adviseNodes({ nodes, vip, kafka: settings }: ClusterConfig, warn: Warn): void {
  const count = (role: string) => nodes.filter(({ roles }) => roles.some((r) => r === role)).length;
  const brokers = count('broker');
  if (brokers === 2) {
    warn(
      ['nodes'],
      'two brokers: nothing is lost when one dies, but nothing can be stored until it is back; three go on',
    );
  } else if (brokers > 2 && brokers % 2 === 0) {
    warn(
      ['nodes'],
      `${brokers} brokers survive no more deaths than ${brokers - 1}; an odd number is better`,
    );
  }
  const kafka = count('kafka');
  if (kafka === 2) {
    warn(
      ['nodes'],
      'two Kafka nodes: a majority is both, so either death stops it; take one or three',
    );
  } else if (kafka > 3) {
    warn(['nodes'], `${kafka} Kafka nodes: records have three copies at most; take one or three`);
  }
  if (kafka > 0 && settings?.sasl === undefined) {
    const first = nodes.findIndex(({ roles }) => roles.includes('kafka'));
    warn(
      ['nodes', first, 'roles'],
      'no kafka.sasl: whoever reaches port 9092 may read and write everything in Kafka',
    );
  }
  if (vip === undefined) {
    if (nodes.length > 1) {
      warn(
        ['nodes'],
        'no vip: clients know only one node, and lose the cluster when that one dies',
      );
    }
  } else if (count('balancer') < 2) {
    warn(['vip'], 'only one node is a balancer, so nobody can take the vip over');
  }
  const [first] = nodes;
  for (const [index, { address }] of nodes.entries()) {
    if (vip === undefined || sharesNetwork(first!.address, address)) continue;
    warn(
      ['nodes', index, 'address'],
      `${address} seems to be in another network than ${first!.address}: a vip moves within one only`,
    );
  }
}

function adviseUsers({ mqtt, balancer }: ClusterConfig, warn: Warn): void {
  if (mqtt.users.length === 0 && !mqtt.anonymous) {
    warn(['mqtt'], 'no users and not anonymous: no client can log in');
  }
  if (mqtt.anonymous) {
    warn(['mqtt', 'anonymous'], 'whoever reaches the port may read and write everything');
  }
  for (const [index, { password }] of mqtt.users.entries()) {
    const problem = password === undefined ? undefined : weakness(password);
    if (problem !== undefined) warn(['mqtt', 'users', index, 'password'], problem);
  }
  const problem = balancer.stats === undefined ? undefined : weakness(balancer.stats.password);
  if (problem !== undefined) warn(['balancer', 'stats', 'password'], problem);
}

function weakness(password: string): string | undefined {
  if (password.startsWith('$')) return undefined;
  if (/^(change-?me|password|secret|bramble|raspberry|admin)\d*$/i.test(password)) {
    return 'a password that everybody tries first';
  }
  return password.length < SHORTEST_PASSWORD
    ? `shorter than ${SHORTEST_PASSWORD} characters`
    : undefined;
}
