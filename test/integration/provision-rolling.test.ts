import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findProgram } from '../../provisioning/dev/find-program.ts';
import { withNode, withoutNode } from '../../provisioning/inventory/edit-nodes.ts';
import { readManifest } from '../../provisioning/streams/manifest.ts';
import { builtVirtualPi } from '../image/built.ts';
import { eventually } from '../support/broker.ts';
import { ProvisionedCluster } from '../support/provision-cluster.ts';
import { canProvision } from '../support/provision-lab.ts';
import { RollingLoad } from '../support/rolling-load.ts';

/** Minutes each: make test-provision with PROVISION_NODES=3. */
const asked = Number(process.env.BRAMBLE_PROVISION_NODES ?? 0) >= 3;
/** On a machine with much other work, milliseconds. */
const PATIENCE = 2_400_000;
const RETAINED = 40;
const WAITING = 60;
/** That publishers publish before a backup begins, milliseconds. */
const UNDER_WAY = 5_000;

const tar = await builtVirtualPi().catch(() => undefined);
const permitted = asked && tar !== undefined && canProvision();

let home: ProvisionedCluster;

beforeAll(async () => {
  if (!permitted) return;
  home = await ProvisionedCluster.open({ tar: tar!, names: ['pi1'], stock: true });
}, PATIENCE);
afterAll(() => home?.[Symbol.asyncDispose](), PATIENCE);

const connect = async (clientId: string, host: string, clean = false) => {
  const login = await home.login();
  return mqtt.connectAsync(`mqtt://${host}:1883`, {
    ...login,
    clientId,
    clean,
    protocolVersion: 5,
    properties: { sessionExpiryInterval: 86_400 },
    connectTimeout: 60_000,
  });
};

/** What a client that is away has coming, and messages that are there for everyone. */
async function store(host: string, waiting: string): Promise<void> {
  const sleeper = await connect(waiting, host);
  await sleeper.subscribeAsync(`waiting/${waiting}`, { qos: 1 });
  await sleeper.endAsync();
  const publisher = await connect('publisher', host, true);
  for (let i = 0; i < RETAINED; i++) {
    await publisher.publishAsync(`kept/${i}`, `value ${i}`, { qos: 1, retain: true });
  }
  for (let i = 0; i < WAITING; i++) {
    await publisher.publishAsync(`waiting/${waiting}`, String(i), { qos: 1 });
  }
  await publisher.endAsync();
}

/** How many of them are there. Whoever was away has taken its messages by then. */
async function count(host: string, waiting: string): Promise<{ retained: number; waited: number }> {
  const login = await home.login();
  const sleeper = mqtt.connect(`mqtt://${host}:1883`, {
    ...login,
    clientId: waiting,
    clean: false,
    protocolVersion: 5,
    properties: { sessionExpiryInterval: 86_400 },
  });
  const waited = new Set<string>();
  sleeper.on('message', (_, payload) => waited.add(String(payload)));
  const reader = await connect('reader', host, true);
  const retained = new Set<string>();
  reader.on('message', (topic, payload) => retained.add(`${topic} ${payload}`));
  await reader.subscribeAsync('kept/#', { qos: 1 });
  const all = () => waited.size >= WAITING && retained.size >= RETAINED;
  await eventually('all is there', all, 60_000).catch(() => undefined);
  await Promise.all([sleeper.endAsync(), reader.endAsync()]);
  return { retained: retained.size, waited: waited.size };
}

const ALL = { retained: RETAINED, waited: WAITING };
const names = () => home.lab.nodes.map(({ name }) => name);
const addressOf = (name: string) => home.lab.node(name).address;

describe.runIf(permitted)('a cluster that is worked on', () => {
  test(
    'grows from one node to three behind a virtual address, and keeps what it stored',
    async () => {
      await home.must('apply', '--release', home.release);
      await store(addressOf('pi1'), 'away-1');
      await home.lab.boot('pi2', 'pi3');
      let text = await readFile(home.file, 'utf8');
      for (const name of ['pi2', 'pi3']) text = withNode(text, { name, address: addressOf(name) });
      await writeFile(home.file, text.replace(/^# vip: .*$/m, `vip: ${home.lab.vip}`));
      const grown = await home.must('apply', '--release', home.release);
      expect(await count(home.lab.vip, 'away-1')).toEqual(ALL);
      const again = await home.must('apply');
      expect(Object.values(again.hosts).map(({ changed }) => changed)).toEqual([0, 0, 0]);
      console.log(
        `1 → 3 nodes with a virtual address in ${grown.took.toFixed(0)} s: ${RETAINED} retained, ${WAITING} for a client that was away, all there`,
      );
    },
    PATIENCE,
  );

  test.each(['upgrade', 'rollback'] as const)(
    '%s under load: what was acknowledged is received',
    async (command) => {
      const before = path.basename(home.release);
      const after = 'bramble-9.0.1-newer';
      const more = command === 'upgrade' ? [await home.variant(after, 'LICENSE', 'another\n')] : [];
      await using load = new RollingLoad({
        host: home.lab.vip,
        login: await home.login(),
        http: `http://${home.lab.vip}/api/cluster`,
      });
      await load.start();
      const end = await home.must(command, ...more);
      const { mqtt: books, http, refused } = await load.finish();
      const { published, acknowledged, received, lost, doubled, repeated, disordered } = books;
      console.log(
        `${command} of 3 under load in ${end.took.toFixed(0)} s: ${acknowledged} of ${published} acknowledged, ${received} received by 2, ${lost} lost, ${doubled} doubled, ${repeated} repeated, ${disordered} disordered; HTTP ${http.answered} of ${http.asked} answered, ${http.failed} failed, ${http.cut} of them cut off (${http.examples.join('; ')}), longest gap ${http.gap.toFixed(0)} ms`,
      );
      expect(lost, books.examples.join('\n')).toBe(0);
      expect(doubled, books.examples.join('\n')).toBe(0);
      expect(refused).toEqual([]);
      expect(acknowledged).toBe(published);
      expect(received).toBe(acknowledged * 2);
      // One request at a time: one is on its way when the address moves, and it moves at each node at most.
      expect(http.failed - http.cut, http.examples.join('\n')).toBe(0);
      expect(http.cut).toBeLessThanOrEqual(names().length);
      const release = command === 'upgrade' ? after : before;
      expect(home.current()).toEqual(names().map(() => release));
    },
    PATIENCE,
  );

  test(
    'a dead node is replaced by a new machine',
    async () => {
      await store(home.lab.vip, 'away-2');
      await home.lab.destroy('pi2');
      const refused = await home.play('apply');
      expect(refused.code).toBe(1);
      await home.lab.boot('pi2');
      const end = await home.must('replace-node', 'pi2', '--release', home.release);
      expect(await count(addressOf('pi2'), 'away-2')).toEqual(ALL);
      await home.serves();
      console.log(`replace-node in ${end.took.toFixed(0)} s`);
    },
    PATIENCE,
  );

  test(
    'a backup under load, brought back from restic, goes onto a cluster of one',
    async () => {
      await store(home.lab.vip, 'away-3');
      const later = await connect('away-4', home.lab.vip);
      await later.subscribeAsync('rolling/#', { qos: 1 });
      await later.endAsync();
      await using load = new RollingLoad({ host: home.lab.vip, login: await home.login() });
      await load.start();
      await new Promise((resolve) => setTimeout(resolve, UNDER_WAY));
      const before = load.acknowledged();
      const taken = path.join(home.lab.work, 'backup');
      const repository = path.join(home.lab.work, 'restic');
      const more = restic('init', repository) ? ['--restic', repository] : [];
      const backup = await home.must('backup', taken, ...more);
      const { mqtt: books } = await load.finish();
      expect(books.lost, books.examples.join('\n')).toBe(0);
      const directory = more.length === 0 ? taken : fromRestic(repository, taken);
      const { streams } = await readManifest(directory);
      const records = streams.reduce((sum, { state }) => sum + state.messages, 0);

      await home.lab.boot('pi4');
      let text = await readFile(path.join(directory, 'cluster.yaml'), 'utf8');
      text = withNode(text, { name: 'pi4', address: addressOf('pi4') });
      for (const name of ['pi1', 'pi2', 'pi3']) text = withoutNode(text, name);
      const other = path.join(home.lab.work, 'other.yaml');
      await writeFile(other, text.replace(/^vip: .*$/m, '').replace('name: lab', 'name: lab2'));
      await home.must('apply', '--release', home.release, '--cluster', other);
      const restored = await home.must('restore', directory, '--cluster', other);
      const there = await numbersFor('away-4', addressOf('pi4'), before);
      const missing = [...before].flatMap(([topic, numbers]) =>
        [...numbers].filter((number) => !there.get(topic)?.has(number)).map((n) => `${topic} ${n}`),
      );
      expect(missing).toEqual([]);
      expect(await count(addressOf('pi4'), 'away-3')).toEqual(ALL);
      const again = await home.play('restore', directory, '--cluster', other);
      expect(again.code).toBe(1);
      expect(again.out).toContain('the cluster is not empty');
      expect(await count(addressOf('pi4'), 'away-3')).toMatchObject({ retained: RETAINED });
      const sum = (books: ReadonlyMap<string, ReadonlySet<number>>) =>
        [...books.values()].reduce((total, { size }) => total + size, 0);
      console.log(
        `backup of ${records} records under load in ${backup.took.toFixed(0)} s (${books.acknowledged} acknowledged, ${books.lost} lost)${more.length === 0 ? '' : ', through restic'}; restored onto one node in ${restored.took.toFixed(0)} s: ${sum(before)} acknowledged before it, ${missing.length} missing, ${sum(there)} there`,
      );
      await home.lab.destroy('pi4');
    },
    PATIENCE,
  );
});

/** What a client that was away takes, by topic, until it has what is expected. */
async function numbersFor(
  clientId: string,
  host: string,
  expected: ReadonlyMap<string, ReadonlySet<number>>,
): Promise<Map<string, Set<number>>> {
  const there = new Map([...expected.keys()].map((topic) => [topic, new Set<number>()]));
  const client = mqtt.connect(`mqtt://${host}:1883`, {
    ...(await home.login()),
    clientId,
    clean: false,
    protocolVersion: 5,
    properties: { sessionExpiryInterval: 86_400 },
  });
  client.on('message', (topic, payload) => there.get(topic)?.add(Number(String(payload))));
  const all = () =>
    [...expected].every(([topic, numbers]) => numbers.isSubsetOf(there.get(topic)!));
  await eventually('all is there', all, 60_000).catch(() => undefined);
  await client.endAsync();
  return there;
}

/** Whether restic is there and does it. */
function restic(verb: string, repository: string, ...more: string[]): boolean {
  if (findProgram('restic') === undefined) return false;
  const password = path.join(home.lab.work, 'restic-password');
  writeFileSync(password, 'of a test\n', { mode: 0o600 });
  process.env.RESTIC_PASSWORD_FILE = password;
  const { status, stderr } = spawnSync('restic', [`--repo=${repository}`, verb, ...more], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  return true;
}

/** Where the copy that restic brings back lies. */
function fromRestic(repository: string, taken: string): string {
  const target = path.join(home.lab.work, 'from-restic');
  restic('check', repository, '--read-data');
  restic('restore', repository, 'latest', '--tag=bramble', `--target=${target}`);
  return path.join(target, taken);
}
