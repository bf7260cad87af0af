import { readFile, writeFile } from 'node:fs/promises';
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

let home: ProvisionedCluster;

beforeAll(async () => {
  if (!permitted) return;
  home = await ProvisionedCluster.open({ tar: tar!, names, vip: true, stock: true });
  const text = await readFile(home.file, 'utf8');
  const nodes = text.replace(
    /\{ name: (pi\d),([^}]*?) \}/g,
    (_, name: string, rest: string) => `{ name: ${name},${rest}, roles: [${ROLES[name]}] }`,
  );
  await writeFile(
    home.file,
    `${nodes}
kafka: { tls: {} }
bridge:
  toKafka:
    - { name: everything, filters: ['plant/#'], topic: ${TOPIC}, key: '\${topic}', qos: 1 }
`,
  );
}, PATIENCE);
afterAll(() => home?.[Symbol.asyncDispose](), PATIENCE);

const pis = () => home.lab.nodes;

/** What a node's watchdog looks after. */
async function watched({ name, address }: { name: string; address: string }) {
  const answer = await fetch(`http://${address}/api/node/watchdog`);
  const { services } = watchdogStatusSchema.parse(await answer.json());
  return services.map((service) => ({ node: name, ...service }));
}

/** The values that Kafka has, asked at all nodes of it that are on. */
async function inKafka(): Promise<string[]> {
  const nodes = pis().filter(({ name }) => ROLES[name] === 'kafka');
  const file = path.join(nodes[0]!.pi.root, 'etc/bramble/kafka-authority.pem');
  const ssl = { ca: [await readFile(file, 'utf8')] };
  const bootstrap = nodes.map(({ address }) => `${address}:9092`);
  return (await readTopic(bootstrap, TOPIC, { ssl }).catch(() => [])).map(({ value }) => value);
}

/** Through the virtual address, a broker, the bridge and Kafka. */
async function carry(from: number): Promise<void> {
  const client = await mqtt.connectAsync(`mqtt://${home.lab.vip}:1883`, {
    ...(await home.login()),
    connectTimeout: 60_000,
  });
  for (let i = from; i < from + MESSAGES; i++) {
    await client.publishAsync('plant/temperature', String(i), { qos: 1 });
  }
  await client.endAsync();
  let found = new Set<string>();
  const all = async () => {
    found = new Set(await inKafka());
    return found.size >= from + MESSAGES;
  };
  await eventually('all is in Kafka', all, ARRIVAL).catch(() => undefined);
  expect(found.size).toBe(from + MESSAGES);
}

describe.runIf(permitted)('six Pis, as in the articles', () => {
  test(
    'apply makes them a cluster, from MQTT to Kafka, and a second one changes nothing',
    async () => {
      const first = await home.must('apply', '--release', home.release);
      await carry(0);
      const second = await home.must('apply');
      expect(Object.values(second.hosts).map(({ changed }) => changed)).toEqual(names.map(() => 0));
      // What a watchdog cannot ask it takes for down, and restarts.
      const states = async () => (await Promise.all(pis().map(watched))).flat();
      const well = async () => (await states()).every(({ state }) => state === 'up');
      await eventually('all is up everywhere', well, ARRIVAL).catch(() => undefined);
      expect((await states()).filter(({ state }) => state !== 'up')).toEqual([]);
      console.log(
        `six from nothing by apply: ${first.took.toFixed(0)} s, ${MESSAGES} of ${MESSAGES} messages in Kafka; second apply ${second.took.toFixed(0)} s, changed 0`,
      );
    },
    PATIENCE,
  );

  test(
    'a balancer with a broker dies, then a Kafka: nothing that was acknowledged is lost',
    async () => {
      await using load = new RollingLoad({ host: home.lab.vip, login: await home.login() });
      await load.start();
      await pause(UNDER_WAY);
      const owners = await Promise.all(
        pis().map(async ({ name, pi }) => {
          const addresses = await pi.run('ip', ['-o', 'addr', 'show']);
          return addresses.includes(`${home.lab.vip}/`) ? [name] : [];
        }),
      );
      const [owner] = owners.flat();
      expect(owners.flat()).toHaveLength(1);
      await home.lab.destroy(owner!);
      await pause(UNDER_WAY);
      await home.lab.destroy('pi5');
      await pause(UNDER_WAY);
      await carry(MESSAGES);
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

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
