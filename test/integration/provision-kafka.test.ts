import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { piPorts } from '#core/contracts/ports.ts';
import { builtVirtualPiWithKafka } from '../image/built.ts';
import { eventually } from '../support/broker.ts';
import { bramble } from '../support/dev.ts';
import { KafkaHome, TO_MQTT } from '../support/kafka-home.ts';
import type { KafkaBooks, KafkaLoad } from '../support/kafka-load.ts';
import { canProvision } from '../support/provision-lab.ts';

/** Nodes with all roles; minutes each, so only where somebody asks for it. */
const COUNT = Number(process.env.BRAMBLE_PROVISION_NODES ?? 0);
const PATIENCE = 1_500_000;
const ARRIVAL = 180_000;
const MESSAGES = 100;
/** So many come in each direction before a node whose power was cut is switched on. */
const SOME = 200;
/** What the watchdog of a node says of its Kafka. */
const ASK_WATCHDOG = `fetch('http://127.0.0.1:${piPorts(1).supervisorHealth}/status')
  .then((answer) => answer.json())
  .then(({ services }) => services.find(({ name }) => name === 'kafka'))
  .then(({ state, reason }) => console.log(JSON.stringify({ state, reason })))`;

const tar = await builtVirtualPiWithKafka().catch(() => undefined);
const permitted = COUNT > 0 && tar !== undefined && canProvision();
const names = Array.from({ length: COUNT }, (_, i) => `pi${i + 1}`);

let home: KafkaHome;
/** What was acknowledged so far. */
let messages = 0;

beforeAll(async () => {
  if (permitted) home = await KafkaHome.open(tar!, names);
}, PATIENCE);
afterAll(() => home?.[Symbol.asyncDispose](), PATIENCE);

/** Through MQTT, the bridge and Kafka; resolves with how many are there afterwards. */
async function carry(): Promise<number> {
  await home.publish(messages, MESSAGES);
  messages += MESSAGES;
  return home.found(messages);
}

const zeros = () => names.map(() => 0);

/** Resolves when both directions have carried more, with how many seconds that took each. */
async function goesOn(load: KafkaLoad): Promise<string> {
  const [from, before] = [performance.now(), load.progress()];
  const took = async (way: 'inKafka' | 'fromKafka') => {
    const more = () => load.progress()[way] > before[way] + SOME;
    await eventually(`more is ${way}`, more, ARRIVAL);
    return ((performance.now() - from) / 1_000).toFixed(0);
  };
  return (await Promise.all([took('inKafka'), took('fromKafka')])).join(' and ');
}

/** All that was acknowledged has come, in order, in both directions and past the bridge. */
function expectWhole(what: string, books: KafkaBooks): void {
  const { rolling, inKafka, consumed, fromKafka, resent, gaps } = books;
  const { mqtt } = rolling;
  const seconds = (ms: number) => (ms / 1_000).toFixed(1);
  console.log(
    `${what}: ${mqtt.acknowledged} of ${mqtt.published} MQTT messages acknowledged: in Kafka ${inKafka.received}, ${inKafka.lost} lost, ${inKafka.repeated} copies, ${inKafka.disordered} disordered; a group's consumer had ${consumed.received}, ${consumed.lost} lost, ${consumed.disordered} disordered, longest gap ${seconds(gaps.toKafka)} s; two MQTT subscribers had ${mqtt.received}, ${mqtt.lost} lost, ${mqtt.doubled} doubled, ${mqtt.disordered} disordered; ${fromKafka.acknowledged} of ${fromKafka.published} Kafka records acknowledged (${resent} sent again): at MQTT ${fromKafka.received}, ${fromKafka.lost} lost, ${fromKafka.repeated} copies, ${fromKafka.disordered} disordered, longest gap ${seconds(gaps.fromKafka)} s`,
  );
  for (const audit of [mqtt, inKafka, consumed, fromKafka]) {
    expect(audit.lost, audit.examples.join('\n')).toBe(0);
    expect(audit.disordered, audit.examples.join('\n')).toBe(0);
    expect(audit.invented, audit.examples.join('\n')).toBe(0);
    expect(audit.acknowledged).toBeGreaterThan(0);
  }
  expect(mqtt.doubled, mqtt.examples.join('\n')).toBe(0);
  expect(rolling.refused).toEqual([]);
}

describe.runIf(permitted)(`Kafka on ${COUNT}`, () => {
  test(
    'comes with apply, takes what MQTT brings, and a second apply changes nothing',
    async () => {
      const { cluster } = home;
      const plan = await bramble(['plan', '--release', cluster.release, ...cluster.access]);
      expect(plan.code, plan.out + plan.err).toBe(0);
      expect(plan.out).toContain('Say that Kafka would be installed');
      const first = await cluster.must('apply', '--release', cluster.release);
      const found = await carry();
      expect(found).toBe(messages);
      const copies = await home.copies();
      expect(copies.every((count) => count === Math.min(COUNT, 3))).toBe(true);
      const second = await cluster.must('apply', '--release', cluster.release);
      expect(Object.values(second.hosts).map(({ changed }) => changed)).toEqual(zeros());
      const check = await bramble(['plan', '--json', ...cluster.access]);
      const changes = check.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).changes);
      expect(changes).toEqual(names.map(() => false));
      const { secret } = parseCluster(await readFile(cluster.file, 'utf8')).cluster;
      expect(first.out + plan.out).not.toContain(secret);
      expect(first.out + plan.out).not.toContain('of mine');
      console.log(
        `Kafka on ${COUNT}: apply ${first.took.toFixed(0)} s, ${found} of ${messages} messages carried; second apply ${second.took.toFixed(0)} s, changed 0`,
      );
    },
    PATIENCE,
  );

  test(
    'lets nobody in without the login',
    async () => {
      const stranger = new kafkajs.Kafka({
        brokers: home.brokers,
        ssl: await home.ssl(),
        logLevel: kafkajs.logLevel.NOTHING,
        retry: { retries: 0 },
      });
      const admin = stranger.admin();
      await admin.connect();
      await expect(admin.listTopics()).rejects.toThrow();
      await admin.disconnect();
      const { pi } = home.cluster.lab.node('pi1');
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
      const before = await home.kafkaPids();
      const text = await readFile(home.cluster.file, 'utf8');
      await writeFile(home.cluster.file, text.replace('a "password" of mine', 'another of mine'));
      const end = await home.cluster.must('apply');
      home.password = 'another of mine';
      const after = await home.kafkaPids();
      expect(after.every((pid, i) => pid !== before[i])).toBe(true);
      const found = await carry();
      expect(found).toBe(messages);
      console.log(`another password in ${end.took.toFixed(0)} s; ${found} of ${messages} there`);
    },
    PATIENCE,
  );
});

describe.runIf(permitted && COUNT === 2)('two nodes with Kafka', () => {
  test(
    'one of them stops and comes back: nothing that was acknowledged is missing',
    async () => {
      const advice = await bramble(['validate', home.cluster.file]);
      expect(advice.code).toBe(0);
      expect(advice.out + advice.err).toContain('two Kafka nodes');
      const { pi } = home.cluster.lab.node('pi2');
      await pi.run('systemctl', ['stop', 'bramble-kafka']);
      await home.publish(messages, MESSAGES);
      messages += MESSAGES;
      await pi.run('systemctl', ['start', 'bramble-kafka']);
      const found = await home.found(messages);
      expect(found).toBe(messages);
      for (const name of names) await home.serves(name);
      console.log(`one of two Kafkas stopped and back: ${found} of ${messages} there afterwards`);
    },
    PATIENCE,
  );
});

/** Where Kafka survives what happens to one node. */
describe.runIf(permitted && COUNT >= 3)(`${COUNT} nodes with Kafka under load`, () => {
  beforeAll(() => home.makeTopic(TO_MQTT, 3), PATIENCE);

  test(
    'every Kafka is killed once: nothing acknowledged is lost',
    async () => {
      await using load = await home.load('killed');
      await load.start();
      const before = await home.kafkaPids();
      for (const { name, pi } of home.cluster.lab.nodes) {
        await pi.run('systemctl', ['kill', '--signal=KILL', 'bramble-kafka']);
        await eventually(
          `Kafka of ${name} is another`,
          async () => {
            const pids = await home.kafkaPids();
            return pids.every((pid, i) => pid !== '0' && (names[i] !== name || pid !== before[i]));
          },
          ARRIVAL,
        );
        await home.serves(name);
      }
      expectWhole('every Kafka killed once', await load.finish());
    },
    PATIENCE,
  );

  test(
    'the power of the node with the virtual address is cut: both directions go on, and it returns',
    async () => {
      const { lab } = home.cluster;
      const holders = await Promise.all(
        lab.nodes.map(({ pi }) => pi.run('ip', ['-br', 'address', 'show', 'dev', 'eth0'])),
      );
      const { name, pi } = lab.nodes[holders.findIndex((text) => text.includes(lab.vip))]!;
      await using load = await home.load('cut');
      await load.start();
      await pi.cut();
      const without = await goesOn(load);
      const from = performance.now();
      await lab.powerOn(name);
      await home.serves(name);
      const took = (performance.now() - from) / 1_000;
      expectWhole(
        `power of ${name} cut, ${SOME} more carried in each direction after ${without} s, serves again ${took.toFixed(0)} s after it is on`,
        await load.finish(),
      );
    },
    PATIENCE,
  );

  test.each(['upgrade', 'rollback'] as const)(
    '%s, Kafka too, in both directions',
    async (command) => {
      const { cluster } = home;
      const before = path.basename(cluster.release);
      const after = 'bramble-9.0.1-newer';
      // Kafka ends only where its own unit is another one.
      const unit = 'services/bridge/bramble-kafka.service';
      const text = await readFile(path.join(cluster.release, unit), 'utf8');
      const newer = () => cluster.variant(after, unit, `# Newer.\n${text}`);
      const more = command === 'upgrade' ? [await newer()] : [];
      await using load = await home.load(command, true);
      await load.start();
      const pids = await home.kafkaPids();
      const end = await cluster.must(command, ...more);
      const books = await load.finish();
      const { http } = books.rolling;
      expectWhole(`${command} of ${COUNT} in ${end.took.toFixed(0)} s`, books);
      console.log(
        `HTTP ${http.answered} of ${http.asked} answered, ${http.failed} failed, ${http.cut} of them cut off (${http.examples.join('; ')}), longest gap ${http.gap.toFixed(0)} ms`,
      );
      expect(http.failed - http.cut, http.examples.join('\n')).toBe(0);
      expect(http.cut).toBeLessThanOrEqual(COUNT);
      const release = command === 'upgrade' ? after : before;
      expect(cluster.current()).toEqual(names.map(() => release));
      const others = await home.kafkaPids();
      expect(others.every((pid, i) => pid !== pids[i])).toBe(true);
    },
    PATIENCE,
  );
});
