import { readFile } from 'node:fs/promises';
import path from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { watchdogStatusSchema } from '#core/contracts/status.ts';
import { builtVirtualPiWithKafka } from '../image/built.ts';
import { eventually } from '../support/broker.ts';
import { readTopic } from '../support/kafka/read.ts';
import { ProvisionedCluster } from '../support/provision-cluster.ts';
import { canProvision } from '../support/provision-lab.ts';
import { RollingLoad } from '../support/rolling-load.ts';

/** Two balancers in front, three that store, one of them with the bridge, and three of Kafka. */
const ROLES: Readonly<Record<string, string>> = {
  pi1: 'balancer, broker',
  pi2: 'balancer, broker',
  pi3: 'broker, bridge',
  pi4: 'kafka',
  pi5: 'kafka',
  pi6: 'kafka',
};
const names = Object.keys(ROLES);
const asked = Number(process.env.BRAMBLE_PROVISION_NODES ?? 0) >= names.length;
/** On a machine with much other work, milliseconds. */
const PATIENCE = 2_400_000;
const ARRIVAL = 240_000;
const MESSAGES = 200;
const TOPIC = 'mqtt';
const UNDER_WAY = 5_000;

const tar = await builtVirtualPiWithKafka().catch(() => undefined);
const permitted = asked && tar !== undefined && canProvision();

const withRoles = (text: string): string => `${text.replace(
  /\{ name: (pi\d),([^}]*?) \}/g,
  (_, name: string, rest: string) => `{ name: ${name},${rest}, roles: [${ROLES[name]}] }`,
)}
kafka: { tls: {} }
bridge:
  toKafka:
    - { name: everything, filters: ['plant/#'], topic: ${TOPIC}, key: '\${topic}', qos: 1 }
`;

describe.runIf(permitted).each([
  { from: 'cards with the image', options: { flashed: true } },
  { from: 'a bare Debian', options: { stock: true } },
])('six Pis, as in the articles, from $from', ({ from, options }) => {
  let home: ProvisionedCluster;

  beforeAll(async () => {
    home = await ProvisionedCluster.open({
      ...{ tar: tar!, names, vip: true, edit: withRoles },
      ...options,
    });
  }, PATIENCE);
  afterAll(() => home?.[Symbol.asyncDispose](), PATIENCE);

  test(
    'are a cluster from MQTT to Kafka, and apply changes nothing more',
    async () => {
      const began = performance.now();
      if (options.stock) await home.must('apply', '--release', home.release);
      await carry(home, 0);
      const took = ((performance.now() - began) / 1000).toFixed(0);
      if (options.flashed) await home.must('apply');
      const again = await home.must('apply');
      expect(Object.values(again.hosts).map(({ changed }) => changed)).toEqual(names.map(() => 0));
      // What a watchdog cannot ask it takes for down, and restarts.
      const states = async () => (await Promise.all(home.lab.nodes.map(watched))).flat();
      const well = async () => (await states()).every(({ state }) => state === 'up');
      await eventually('all is up everywhere', well, ARRIVAL).catch(() => undefined);
      expect((await states()).filter(({ state }) => state !== 'up')).toEqual([]);
      console.log(
        `six from ${from}: ${MESSAGES} of ${MESSAGES} messages in Kafka after ${took} s; another apply ${again.took.toFixed(0)} s, changed 0`,
      );
    },
    PATIENCE,
  );

  test(
    'a balancer with a broker dies, then a Kafka: nothing that was acknowledged is lost',
    async () => {
      const { vip } = home.lab;
      await using load = new RollingLoad({ host: vip, login: await home.login() });
      await load.start();
      await pause(UNDER_WAY);
      const owner = await ownerOf(home);
      await home.lab.destroy(owner);
      await pause(UNDER_WAY);
      await home.lab.destroy('pi5');
      await pause(UNDER_WAY);
      await carry(home, MESSAGES);
      const { mqtt: books, refused } = await load.finish();
      const { published, acknowledged, received, lost, doubled } = books;
      console.log(
        `${owner} and pi5 gone for good under load: ${acknowledged} of ${published} acknowledged, ${received} received by 2, ${lost} lost, ${doubled} doubled; ${2 * MESSAGES} of ${2 * MESSAGES} in Kafka`,
      );
      expect(lost, books.examples.join('\n')).toBe(0);
      expect(doubled, books.examples.join('\n')).toBe(0);
      expect(refused).toEqual([]);
      expect(acknowledged).toBe(published);
    },
    PATIENCE,
  );
});

/** Through the virtual address, a broker, the bridge and Kafka. */
async function carry(home: ProvisionedCluster, from: number): Promise<void> {
  const client = mqtt.connect(`mqtt://${home.lab.vip}:1883`, {
    ...(await home.login()),
    reconnectPeriod: 500,
  });
  client.on('error', () => undefined);
  for (let i = from; i < from + MESSAGES; i++) {
    await client.publishAsync('plant/temperature', String(i), { qos: 1 });
  }
  await client.endAsync();
  let found = new Set<string>();
  const all = async () => {
    found = new Set(await inKafka(home));
    return found.size >= from + MESSAGES;
  };
  await eventually('all is in Kafka', all, ARRIVAL).catch(() => undefined);
  expect(found.size).toBe(from + MESSAGES);
}

/** The values that Kafka has, asked at all nodes of it that are on. */
async function inKafka({ lab }: ProvisionedCluster): Promise<string[]> {
  const nodes = lab.nodes.filter(({ name }) => ROLES[name] === 'kafka');
  const file = path.join(nodes[0]!.pi.root, 'etc/bramble/kafka-authority.pem');
  const ssl = { ca: [await readFile(file, 'utf8')] };
  const bootstrap = nodes.map(({ address }) => `${address}:9092`);
  return (await readTopic(bootstrap, TOPIC, { ssl }).catch(() => [])).map(({ value }) => value);
}

/** What a node's watchdog looks after. */
async function watched({ name, address }: { name: string; address: string }) {
  const answer = await fetch(`http://${address}/api/node/watchdog`);
  const { services } = watchdogStatusSchema.parse(await answer.json());
  return services.map((service) => ({ node: name, ...service }));
}

/** The one node that has the virtual address. */
async function ownerOf({ lab }: ProvisionedCluster): Promise<string> {
  const owners: string[] = [];
  for (const { name, pi } of lab.nodes) {
    const addresses = await pi.run('ip', ['-o', 'addr', 'show']);
    if (addresses.includes(`${lab.vip}/`)) owners.push(name);
  }
  expect(owners).toHaveLength(1);
  return owners[0]!;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
