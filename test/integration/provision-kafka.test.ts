import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import kafkajs from 'kafkajs';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { piPorts } from '#core/contracts/ports.ts';
import { builtVirtualPiWithKafka } from '../image/built.ts';
import { eventually } from '../support/broker.ts';
import { bramble } from '../support/dev.ts';
import { readTopic } from '../support/kafka/read.ts';
import { ProvisionedCluster } from '../support/provision-cluster.ts';
import { canProvision } from '../support/provision-lab.ts';

/** Kafka nodes, with a broker on the first; minutes each, so only where somebody asks for it. */
const COUNT = Number(process.env.BRAMBLE_PROVISION_NODES ?? 0);
const PATIENCE = 1_200_000;
const ARRIVAL = 120_000;
const MESSAGES = 100;
const TOPIC = 'mqtt';
/** What the watchdog of a node says of its Kafka. */
const ASK_WATCHDOG = `fetch('http://127.0.0.1:${piPorts(1).supervisorHealth}/status')
  .then((answer) => answer.json())
  .then(({ services }) => services.find(({ name }) => name === 'kafka'))
  .then(({ state, reason }) => console.log(JSON.stringify({ state, reason })))`;

const tar = await builtVirtualPiWithKafka().catch(() => undefined);
const permitted = COUNT > 0 && tar !== undefined && canProvision();
const names = Array.from({ length: COUNT }, (_, i) => `pi${i + 1}`);

let home: ProvisionedCluster;

/** The first has Java alone, as a Debian has it: Kafka comes from this machine. */
async function furnish(root: string): Promise<void> {
  const name = (await readFile(path.join(root, 'etc/hostname'), 'utf8')).trim();
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

beforeAll(async () => {
  if (!permitted) return;
  home = await ProvisionedCluster.open({ tar: tar!, names, stock: true, furnish });
  const text = await readFile(home.file, 'utf8');
  const roles = (name: string) => (name === 'pi1' ? 'balancer, broker, bridge, kafka' : 'kafka');
  await writeFile(
    home.file,
    `${text.replace(
      /\{ name: (pi\d),([^}]*?) \}/g,
      (_, name: string, rest: string) => `{ name: ${name},${rest}, roles: [${roles(name)}] }`,
    )}
kafka:
  tls: {}
  sasl: { mechanism: plain, user: reader, password: 'a "password" of mine' }
bridge:
  toKafka:
    - { name: everything, filters: ['#'], topic: ${TOPIC}, key: '\${topic}', qos: 1 }
`,
  );
}, PATIENCE);
afterAll(() => home?.[Symbol.asyncDispose](), PATIENCE);

/** Whom clients trust, as a node has it. */
const authority = () =>
  readFile(path.join(home.lab.node('pi1').pi.root, 'etc/bramble/kafka-authority.pem'), 'utf8');
const bootstrap = () => home.lab.nodes.map(({ address }) => `${address}:9092`);
const login = {
  sasl: { mechanism: 'plain' as const, username: 'reader', password: 'a "password" of mine' },
};

/** Through MQTT, the bridge and Kafka; resolves with how many are there afterwards. */
async function carry(from: number): Promise<number> {
  const client = await mqtt.connectAsync(`mqtt://${home.lab.node('pi1').address}:1883`, {
    ...(await home.login()),
    connectTimeout: 60_000,
  });
  for (let i = from; i < from + MESSAGES; i++) {
    await client.publishAsync('plant/temperature', String(i), { qos: 1 });
  }
  await client.endAsync();
  let found = 0;
  const all = async () => {
    const ssl = { ca: [await authority()] };
    const records = await readTopic(bootstrap(), TOPIC, { ...login, ssl }).catch(() => []);
    found = new Set(records.map(({ value }) => value)).size;
    return found >= from + MESSAGES;
  };
  await eventually('all is in Kafka', all, ARRIVAL).catch(() => undefined);
  return found;
}

const mainPids = () =>
  Promise.all(
    home.lab.nodes.map(({ pi }) =>
      pi.run('systemctl', ['show', '--value', '-p', 'MainPID', 'bramble-kafka']),
    ),
  );

describe.runIf(permitted)(`Kafka on ${COUNT}`, () => {
  test(
    'comes with apply, takes what MQTT brings, and a second apply changes nothing',
    async () => {
      const plan = await bramble(['plan', '--release', home.release, ...home.access]);
      expect(plan.code, plan.out + plan.err).toBe(0);
      expect(plan.out).toContain('Say that Kafka would be installed');
      const first = await home.must('apply', '--release', home.release);
      const found = await carry(0);
      expect(found).toBe(MESSAGES);
      const second = await home.must('apply', '--release', home.release);
      expect(Object.values(second.hosts).map(({ changed }) => changed)).toEqual(names.map(() => 0));
      const check = await bramble(['plan', '--json', ...home.access]);
      const changes = check.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).changes);
      expect(changes).toEqual(names.map(() => false));
      const { cluster } = parseCluster(await readFile(home.file, 'utf8'));
      expect(first.out + plan.out).not.toContain(cluster.secret);
      expect(first.out + plan.out).not.toContain('of mine');
      console.log(
        `Kafka on ${COUNT}: apply ${first.took.toFixed(0)} s, ${found} of ${MESSAGES} messages carried; second apply ${second.took.toFixed(0)} s, changed 0`,
      );
    },
    PATIENCE,
  );

  test(
    'lets nobody in without the login',
    async () => {
      const stranger = new kafkajs.Kafka({
        brokers: bootstrap(),
        ssl: { ca: [await authority()] },
        logLevel: kafkajs.logLevel.NOTHING,
        retry: { retries: 0 },
      });
      const admin = stranger.admin();
      await admin.connect();
      await expect(admin.listTopics()).rejects.toThrow();
      await admin.disconnect();
      const { pi } = home.lab.node('pi1');
      const ports = await pi.run('nft', ['list', 'table', 'inet', 'bramble_host']);
      expect(ports).toContain('9092');
      expect(ports.includes('9093')).toBe(COUNT > 1);
      const mode = await pi.run('stat', ['-c', '%U %a', '/var/lib/kafka/meta.properties']);
      expect(mode.trim()).toMatch(/^kafka 640$/);
      const key = await pi.run('stat', ['-c', '%U %G %a', '/etc/bramble/kafka.pem']);
      expect(key.trim()).toBe('root bramble 640');
      const states = new Set<string>();
      const isUp = async () => {
        const status = await pi.run('/opt/bramble/current/node/bin/node', ['-e', ASK_WATCHDOG]);
        const { state, reason } = JSON.parse(status) as { state: string; reason: string };
        states.add(`${state} ${reason}`.trim());
        return state === 'up';
      };
      await eventually('its watchdog has it up', isUp, ARRIVAL);
      console.log(`the watchdog of pi1 has Kafka ${[...states].join(', then ')}`);
    },
    PATIENCE,
  );

  test(
    'another password is a restart of one node after the other, and nothing is lost',
    async () => {
      const before = await mainPids();
      const text = await readFile(home.file, 'utf8');
      await writeFile(home.file, text.replace('a "password" of mine', 'another of mine'));
      const end = await home.must('apply');
      login.sasl.password = 'another of mine';
      const after = await mainPids();
      expect(after.every((pid, i) => pid !== before[i])).toBe(true);
      const found = await carry(MESSAGES);
      expect(found).toBe(2 * MESSAGES);
      console.log(
        `another password in ${end.took.toFixed(0)} s; ${found} of ${2 * MESSAGES} there`,
      );
    },
    PATIENCE,
  );
});
