import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import kafkajs from 'kafkajs';
import mqtt from 'mqtt';
import { quietTimers } from '#core/kafka/quiet-timers.ts';
import { eventually } from './broker.ts';
import { readTopic } from './kafka/read.ts';
import { KafkaLoad } from './kafka-load.ts';
import { ProvisionedCluster } from './provision-cluster.ts';

/** Where the bridge of such a cluster carries what MQTT brings, and from where it brings records. */
export const [TO_KAFKA, TO_MQTT] = ['mqtt', 'commands'];
const PASSWORD = 'a "password" of mine';
const ARRIVAL = 120_000;
const GATE = '180';

/**
 * A cluster with TLS and a login at Kafka, and Kafka's clients on this side. Its nodes have all
 * roles; of two the second has Kafka alone.
 */
export class KafkaHome {
  readonly cluster: ProvisionedCluster;
  password = PASSWORD;

  private constructor(cluster: ProvisionedCluster) {
    this.cluster = cluster;
  }

  /** Three nodes or more have a virtual address. */
  static async open(tar: string, names: readonly string[]): Promise<KafkaHome> {
    // kafkajs in the test itself: its timers warn of times that are past.
    quietTimers();
    const vip = names.length > 2;
    const cluster = await ProvisionedCluster.open({ tar, names, vip, stock: true, furnish });
    const text = await readFile(cluster.file, 'utf8');
    const rolesOf = (name: string) =>
      name === 'pi2' && names.length === 2 ? 'kafka' : 'balancer, broker, bridge, kafka';
    await writeFile(
      cluster.file,
      `${text.replace(
        /^( {2}- \{ name: (pi\d),.*) \}$/gm,
        (_, node: string, name: string) => `${node}, roles: [${rolesOf(name)}] }`,
      )}
kafka:
  tls: {}
  sasl: { mechanism: plain, user: reader, password: '${PASSWORD}' }
bridge:
  toKafka:
    - { name: everything, filters: ['#'], topic: ${TO_KAFKA}, key: '\${topic}', qos: 1 }
  toMqtt:
    - { name: commands, topics: [${TO_MQTT}], topic: '${TO_MQTT}/\${key}', start: earliest }
`,
    );
    return new KafkaHome(cluster);
  }

  /** Where MQTT clients go. */
  get door(): string {
    const { lab } = this.cluster;
    return lab.nodes.length > 2 ? lab.vip : lab.nodes[0]!.address;
  }

  get brokers(): string[] {
    return this.cluster.lab.nodes.map(({ address }) => `${address}:9092`);
  }

  /** Whom clients trust, as a node has it. */
  async ssl(): Promise<{ ca: string[] }> {
    const { root } = this.cluster.lab.nodes[0]!.pi;
    return { ca: [await readFile(path.join(root, 'etc/bramble/kafka-authority.pem'), 'utf8')] };
  }

  async settings() {
    const sasl = { mechanism: 'plain' as const, username: 'reader', password: this.password };
    return { brokers: this.brokers, ssl: await this.ssl(), sasl };
  }

  async makeTopic(topic: string, numPartitions: number): Promise<void> {
    await this.#admin((admin) => admin.createTopics({ topics: [{ topic, numPartitions }] }));
  }

  /** How many copies in sync each partition has of the topic that the bridge has made. */
  copies(): Promise<number[]> {
    return this.#admin(async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [TO_KAFKA] });
      return topics.flatMap(({ partitions }) => partitions.map(({ isr }) => isr.length));
    });
  }

  /** At QoS 1, to one topic; resolves when all are acknowledged. */
  async publish(from: number, count: number): Promise<void> {
    const client = await mqtt.connectAsync(`mqtt://${this.door}:1883`, {
      ...(await this.cluster.login()),
      connectTimeout: 60_000,
    });
    for (let i = from; i < from + count; i++) {
      await client.publishAsync('plant/temperature', String(i), { qos: 1 });
    }
    await client.endAsync();
  }

  /** How many of them are in Kafka, once there are `expected` or it takes too long. */
  async found(expected: number): Promise<number> {
    const { brokers, ...login } = await this.settings();
    let found = 0;
    const all = async () => {
      const records = await readTopic(brokers, TO_KAFKA, login).catch(() => []);
      const ours = records.filter(({ key }) => key === 'plant/temperature');
      found = new Set(ours.map(({ value }) => value)).size;
      return found >= expected;
    };
    await eventually('all is in Kafka', all, ARRIVAL).catch(() => undefined);
    return found;
  }

  async load(prefix: string, http = false): Promise<KafkaLoad> {
    return new KafkaLoad({
      host: this.door,
      login: await this.cluster.login(),
      every: 50,
      prefix,
      kafka: await this.settings(),
      toKafka: TO_KAFKA,
      toMqtt: TO_MQTT,
      ...(http ? { http: `http://${this.door}/api/cluster` } : {}),
    });
  }

  kafkaPids(): Promise<string[]> {
    const asked = ['show', '--value', '-p', 'MainPID', 'bramble-kafka'];
    return Promise.all(
      this.cluster.lab.nodes.map(async ({ pi }) => (await pi.run('systemctl', asked)).trim()),
    );
  }

  /** Waits until a node does all that it should, Kafka caught up. */
  async serves(name: string): Promise<void> {
    const { pi } = this.cluster.lab.node(name);
    await pi.run('/opt/bramble/current/bin/bramble', ['node', 'gate', `--wait=${GATE}`]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cluster[Symbol.asyncDispose]();
  }

  async #admin<T>(act: (admin: kafkajs.Admin) => Promise<T>): Promise<T> {
    const config = { ...(await this.settings()), logLevel: kafkajs.logLevel.NOTHING };
    const admin = new kafkajs.Kafka(config).admin();
    await admin.connect();
    return act(admin).finally(() => admin.disconnect());
  }
}

/** The first has Java alone, as a Debian has it: Kafka comes from this machine. */
async function furnish(root: string, name: string): Promise<void> {
  if (name !== 'pi1') return;
  await rm(path.join(root, 'opt/kafka'), { recursive: true });
  await rm(path.join(root, 'usr/lib/sysusers.d/kafka.conf'));
  await rm(path.join(root, 'usr/lib/tmpfiles.d/kafka.conf'));
  await rm(path.join(root, 'var/lib/kafka'), { recursive: true, force: true });
  for (const file of ['etc/passwd', 'etc/shadow', 'etc/group', 'etc/gshadow']) {
    const text = await readFile(path.join(root, file), 'utf8');
    await writeFile(path.join(root, file), text.replace(/^kafka:.*\n/gm, ''));
  }
}
