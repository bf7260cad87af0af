import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { KAFKA_AUTHORITY } from '#core/config/own-kafka.ts';
import { piPorts } from '#core/contracts/ports.ts';
import { describeError } from '#core/errors.ts';
import { quietTimers } from '#core/kafka/quiet-timers.ts';
import { kafkaAuthority } from '../../provisioning/certificates/kafka-certificates.ts';
import { findProgram } from '../../provisioning/dev/find-program.ts';
import { kafkaCommand } from '../../provisioning/kafka/command.ts';
import { kafkaReasons } from '../../provisioning/kafka/gate.ts';
import { kafkaIdentity } from '../../provisioning/kafka/identity.ts';
import { kafkaClassPath } from '../../provisioning/kafka/jars.ts';
import { listensAt } from '../../provisioning/kafka/node-facts.ts';
import { type Prepared, prepareKafkaNode } from '../../provisioning/kafka/prepare-node.ts';
import { KAFKA_DATA, KAFKA_ETC, renderKafkaNode } from '../../provisioning/render/kafka-node.ts';
import type { Plan } from '../../provisioning/render/plan.ts';
import { KafkaCheck } from '../../services/watchdog/checks/kafka-check.ts';
import { eventually } from '../support/broker.ts';
import { freePorts } from '../support/ports.ts';

const run = promisify(execFile);
const PATIENCE = 180_000;
/** For one answer of a Kafka on a busy machine, milliseconds. */
const ALIVE = 20_000;
/** Until one that stands still is given up. */
const HUNG = 2_000;
const NAMES = ['pi1', 'pi2', 'pi3'];
const PARTITIONS = 3;
const RECORDS = 300;

/** As nodes do, each has an address of its own and the same ports. */
const TEXT = `cluster: { name: lab, secret: 0123456789abcdef0123 }
nodes:
  - { name: pi1, address: 127.0.1.1, roles: [balancer, broker, kafka] }
  - { name: pi2, address: 127.0.1.2, roles: [kafka] }
  - { name: pi3, address: 127.0.1.3, roles: [kafka] }
mqtt: { users: [{ name: a, password: a-password-of-mine }] }
kafka: { tls: {}, sasl: { mechanism: plain, user: reader, password: 'a "\\ pässword' } }
`;
const sasl = { mechanism: 'plain' as const, username: 'reader', password: 'a "\\ pässword' };

const permitted = findProgram('java') !== undefined && findProgram('mvn') !== undefined;
const cluster = parseCluster(TEXT);
const running = new Map<string, ChildProcess>();
let root = '';
let classPath = '';
let ports = { clients: 0, inside: 0, controller: 0 };

const at = (name: string, file: string): string => path.join(root, name, file);
const properties = new Map<string, string>();

beforeAll(async () => {
  if (!permitted) return;
  quietTimers();
  root = await mkdtemp(path.join(tmpdir(), 'bramble-kafka-nodes-'));
  classPath = await kafkaClassPath();
  const [clients = 0, inside = 0, controller = 0] = await freePorts(3);
  ports = { clients, inside, controller };
  const plan: Plan = {
    cluster,
    clusterFile: 'cluster.yaml',
    by: 'a test',
    host: '127.0.0.1',
    publicHost: '*',
    trusted: [],
    ports: { ...piPorts(1), kafka: ports },
    nodes: [],
    natsSyncInterval: true,
    openStats: false,
  };
  for (const name of NAMES) {
    await mkdir(at(name, ''));
    for (const [file, text] of renderKafkaNode(plan, name)) {
      const here = text
        .replaceAll(KAFKA_DATA, at(name, 'data'))
        .replaceAll(KAFKA_ETC, at(name, ''));
      await writeFile(at(name, file), here);
      if (file === 'kafka.properties') properties.set(name, here);
    }
  }
}, PATIENCE);
afterAll(async () => {
  await Promise.all(NAMES.map(stop));
  if (root !== '') await rm(root, { recursive: true, force: true });
}, PATIENCE);

/** Prepares a node and starts it, as its unit does. */
async function start(name: string): Promise<Prepared> {
  const prepared = await prepareKafkaNode({
    cluster,
    file: at(name, 'kafka.properties'),
    log4j: at(name, 'kafka-log4j2.yaml'),
    libs: [at(name, 'nothing'), path.dirname(classPath)],
  });
  const { command, args } = kafkaCommand(classPath, at(name, 'kafka.properties'));
  running.set(name, spawn(command, args, { stdio: 'ignore' }));
  return prepared;
}

async function stop(name: string): Promise<void> {
  const child = running.get(name);
  running.delete(name);
  if (child === undefined || child.exitCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

const reasons = (name: string, activeFor: number | undefined = 10_000) =>
  kafkaReasons({
    properties: properties.get(name)!,
    cluster: TEXT,
    directory: root,
    activeFor: running.has(name) ? activeFor : undefined,
  });
const passes = (name: string) =>
  eventually(`${name} passes`, async () => (await reasons(name)).length === 0, PATIENCE);

/** What the watchdog of a node finds. */
const isAlive = (name: string, patience = ALIVE) => {
  const host = (one: string) => cluster.nodes.find((node) => node.name === one)!.address;
  const check = new KafkaCheck({
    clients: { host: host(name), port: ports.clients, tls: true },
    controllers: NAMES.map((one) => ({ host: host(one), port: ports.controller })),
  });
  return check.run(AbortSignal.timeout(patience)).then(
    () => 'alive',
    (error: unknown) => describeError(error),
  );
};

const client = () =>
  new kafkajs.Kafka({
    brokers: NAMES.map((_, i) => `127.0.1.${i + 1}:${ports.clients}`),
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { retries: 20 },
    sasl,
    ssl: { ca: [kafkaAuthority(cluster.cluster.secret)] },
  });

async function topicWith(records: number): Promise<void> {
  const admin = client().admin();
  await admin.connect();
  const topic = { topic: 'plant', numPartitions: PARTITIONS, replicationFactor: NAMES.length };
  await admin.createTopics({ topics: [topic], waitForLeaders: true });
  await admin.disconnect();
  const producer = client().producer();
  await producer.connect();
  const messages = Array.from({ length: records }, (_, i) => ({ value: String(i) }));
  await producer.send({ topic: 'plant', acks: -1, messages });
  await producer.disconnect();
}

const SECURITY = 'security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n';
/** The lines by which Kafka's own tools trust what a node trusts. */
const trust = (name: string): string =>
  `ssl.truststore.type=PEM\nssl.truststore.location=${at(name, KAFKA_AUTHORITY)}\n`;

/** Who decides, as the controllers say. */
async function voters(): Promise<number[]> {
  const login = at('pi1', 'login.properties');
  const text = properties.get('pi1')!;
  const jaas = /^listener\.name\.clients\.plain\.sasl\.jaas\.config=(.*)$/m.exec(text)?.[1];
  await writeFile(login, `${SECURITY}sasl.jaas.config=${jaas}\n${trust('pi1')}`);
  const tool = ['org.apache.kafka.tools.MetadataQuorumCommand', '--command-config', login];
  const to = ['--bootstrap-server', `127.0.1.1:${ports.clients}`, 'describe', '--replication'];
  const { stdout } = await run('java', ['-Xmx128m', '-cp', classPath, ...tool, ...to]);
  return [...stdout.matchAll(/^(\d+)\s.*(?:Leader|Follower)\s*$/gm)]
    .map(([, id]) => Number(id))
    .sort((a, b) => a - b);
}

test.runIf(permitted)(
  'the first wait for a majority, others join, and one with an empty disk catches up before it counts',
  async () => {
    expect(await reasons('pi1')).toEqual(['kafka: does not run']);
    expect(await start('pi1')).toEqual({ changed: true, as: 'founds' });
    expect(await reasons('pi1')).toEqual(['kafka: does not take clients yet']);
    // Alone it takes nobody, and that is no fault of its own.
    await passes('pi1');
    expect(await listensAt({ host: '127.0.1.1', port: ports.clients })).toBe(false);
    expect(await isAlive('pi1')).toBe('alive');
    expect(await start('pi2')).toEqual({ changed: true, as: 'founds' });
    await passes('pi2');
    await passes('pi1');
    expect(await start('pi3')).toEqual({ changed: true, as: 'joins' });
    await passes('pi3');
    expect(await Promise.all(NAMES.map((name) => isAlive(name)))).toEqual(NAMES.map(() => 'alive'));
    const all = kafkaIdentity(cluster)
      .nodes.map(({ number }) => number)
      .sort((a, b) => a - b);
    const allDecide = async () => (await voters()).join() === all.join();
    await eventually('all three decide', allDecide, PATIENCE);
    await topicWith(RECORDS);

    await stop('pi3');
    expect(await reasons('pi3')).toEqual(['kafka: does not run']);
    expect(await isAlive('pi3')).toContain('ECONNREFUSED');
    expect(await start('pi3')).toEqual({ changed: false });
    await passes('pi3');
    // It takes connections, and answers nobody.
    running.get('pi3')!.kill('SIGSTOP');
    expect(await isAlive('pi3', HUNG)).toMatch(/timeout/i);
    running.get('pi3')!.kill('SIGCONT');
    await passes('pi3');

    await stop('pi3');
    await rm(at('pi3', 'data'), { recursive: true });
    expect(await start('pi3')).toEqual({ changed: true, as: 'joins' });
    const told = new Set<string>();
    const passed = async () => {
      const now = await reasons('pi3');
      for (const reason of now) told.add(reason);
      return now.length === 0;
    };
    await eventually('the new pi3 passes', passed, PATIENCE);
    await eventually('all three decide again', allDecide, PATIENCE);
    expect(told.size).toBeGreaterThan(0);
    const admin = client().admin();
    await admin.connect();
    const { topics } = await admin.fetchTopicMetadata({ topics: ['plant'] });
    const ends = await admin.fetchTopicOffsets('plant');
    await admin.disconnect();
    const copies = topics[0]!.partitions.map(({ isr }) => isr.length);
    expect(copies).toEqual(Array.from({ length: PARTITIONS }, () => NAMES.length));
    const records = ends.reduce((sum, { high }) => sum + Number(high), 0);
    expect(records).toBe(RECORDS);
    console.log(
      `3 Kafka nodes, one of them new: ${records} records, ${copies.join(' ')} copies in sync; it was told: ${[...told].join('; ')}`,
    );
  },
  PATIENCE * 3,
);

test.runIf(permitted)(
  'who does not know the login of the nodes is no controller',
  async () => {
    const login = at('pi1', 'wrong.properties');
    const jaas = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
    await writeFile(
      login,
      `${SECURITY}sasl.jaas.config=${jaas} username="node" password="guessed";\n${trust('pi1')}`,
    );
    const tool = ['org.apache.kafka.tools.MetadataQuorumCommand', '--command-config', login];
    const to = ['--bootstrap-controller', `127.0.1.1:${ports.controller}`, 'describe', '--status'];
    const asked = run('java', ['-Xmx128m', '-cp', classPath, ...tool, ...to]);
    await expect(asked).rejects.toThrow(/Authentication failed|Invalid username or password/);
  },
  PATIENCE,
);

test.runIf(permitted)(
  'nobody hears or says anything in the clear, or to a node that another authority vouches for',
  async () => {
    const admin = (ssl: kafkajs.KafkaConfig['ssl']) =>
      new kafkajs.Kafka({
        brokers: [`127.0.1.1:${ports.clients}`],
        logLevel: kafkajs.logLevel.NOTHING,
        connectionTimeout: ALIVE,
        retry: { retries: 0 },
        sasl,
        ...(ssl === undefined ? {} : { ssl }),
      }).admin();
    await expect(admin(false).connect()).rejects.toThrow();
    const stranger = kafkaAuthority('another secret of 16');
    await expect(admin({ ca: [stranger] }).connect()).rejects.toThrow(/certificate/);
    for (const port of Object.values(ports)) {
      const certificate = await new Promise<tls.PeerCertificate>((resolve, reject) => {
        const ca = [kafkaAuthority(cluster.cluster.secret)];
        const socket = tls.connect({ host: '127.0.1.1', port, ca }, () => {
          resolve(socket.getPeerCertificate());
          socket.destroy();
        });
        socket.once('error', reject);
      });
      expect(certificate.subject.CN).toBe('pi1');
      expect(certificate.subjectaltname).toBe('IP Address:127.0.1.1');
    }
  },
  PATIENCE,
);
