import { appendFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ERROR_CODES } from '#core/errors.ts';
import { isWhole, RETAINED_PROGRESS } from '#core/jetstream/stream-plan.ts';
import { natsLogin } from '../../provisioning/render/nats.ts';
import type { Plan } from '../../provisioning/render/plan.ts';
import { backUp, restore } from '../../provisioning/streams/backup.ts';
import { type Engine, openEngine } from '../../provisioning/streams/engine.ts';
import { forgetNode } from '../../provisioning/streams/forget.ts';
import { eventually } from '../support/broker.ts';
import { newestNats } from '../support/debian-parts.ts';
import { RenderedNats } from '../support/rendered-nats.ts';

const COUNT = 4;
const RECORDS = 3_000;
/** Fits a whole number of times. */
const TOGETHER = 100;
const PATIENCE = 60_000;

const { syncInterval: modern } = await newestNats();

let root = '';
let plan: Plan;
let nats: RenderedNats;
let outside: RenderedNats;
let lonely: RenderedNats;

const engineOf = ({ cluster, nodes }: Plan, use: 'client' | 'system' = 'client') =>
  openEngine(`nats://127.0.0.1:${nodes[0]!.ports.nats}`, natsLogin(cluster.cluster.secret, use));

async function fill(engine: Engine, name: string, subject: string): Promise<void> {
  const config = { name, subjects: [`${subject}.>`], num_replicas: 3 };
  // On a busy machine the first leader of them all takes a while.
  const made = () =>
    engine.manager.streams.add(config).then(
      () => true,
      () => false,
    );
  await eventually(`${name} is there`, made, PATIENCE);
  const options = { timeout: PATIENCE };
  for (let i = 0; i < RECORDS; i += TOGETHER) {
    const numbers = Array.from({ length: TOGETHER }, (_, j) => i + j);
    const text = (number: number) => `${name} ${number} ${'x'.repeat(200)}`;
    await Promise.all(
      numbers.map((number) =>
        engine.nats.request(`${subject}.${number % 7}`, text(number), options),
      ),
    );
  }
}

async function holds(engine: Engine, name: string): Promise<void> {
  const { state } = await engine.manager.streams.info(name);
  expect(state.messages).toBe(RECORDS);
  const numbers = new Set<number>();
  for (let seq = 1; seq <= RECORDS; seq += TOGETHER) {
    const message = await engine.manager.streams.getMessage(name, { seq });
    numbers.add(Number(new RegExp(`^${name} (\\d+) x{200}$`).exec(message!.string())![1]));
  }
  expect(numbers.size).toBe(RECORDS / TOGETHER);
}

/** How many servers JetStream counts, as one of them knows. */
async function metaSize({ natsMonitor }: { natsMonitor: number }): Promise<number | undefined> {
  const answer = await fetch(`http://127.0.0.1:${natsMonitor}/jsz`);
  const told = (await answer.json()) as { meta_cluster?: { cluster_size?: number } };
  return told.meta_cluster?.cluster_size;
}

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'bramble-streams-'));
  nats = new RenderedNats(root, PATIENCE);
  outside = new RenderedNats(path.join(root, 'alone'), PATIENCE);
  lonely = new RenderedNats(path.join(root, 'lonely'), PATIENCE);
  plan = await nats.plan(COUNT);
  await nats.start(plan);
  await using engine = await engineOf(plan);
  await fill(engine, 'BRAMBLE_LOG_0', 'log');
  await fill(engine, 'BRAMBLE_RETAINED', 'retained');
}, PATIENCE * 2);
afterAll(async () => {
  await Promise.all([nats, outside, lonely].map((servers) => servers.close()));
  await rm(root, { recursive: true, force: true });
});

test(
  'a backup goes onto a node that is alone: refused where it is not whole or something is there',
  async () => {
    const etc = path.join(root, 'etc');
    const directory = path.join(root, 'backup');
    await mkdir(etc);
    await writeFile(path.join(etc, 'cluster.yaml'), 'cluster: {}\n');
    await writeFile(path.join(etc, 'nats.conf'), 'rendered\n');
    {
      await using engine = await engineOf(plan);
      const told = await backUp({
        ...{ engine, directory, etc, cluster: 'a', node: 'pi1', release: 'r' },
        skip: (file) => file === 'nats.conf',
      });
      expect(told.streams.map(({ name }) => name)).toEqual(['BRAMBLE_RETAINED', 'BRAMBLE_LOG_0']);
      expect(told.contents).toEqual([
        ...['BRAMBLE_RETAINED.snapshot', 'BRAMBLE_LOG_0.snapshot', 'cluster.yaml', 'manifest.json'],
      ]);
    }
    const alone = await outside.plan(1);
    await outside.start(alone);
    await using engine = await engineOf(alone);
    // A broker that has just begun has written so much.
    const begun = { name: 'BRAMBLE_RETAINED', subjects: ['bramble.retained.>'] };
    await engine.manager.streams.add(begun);
    await engine.nats.request(RETAINED_PROGRESS, 'x');
    const back = (replace = false) => restore({ engine, directory, nodes: 1, replace });
    await back();
    for (const name of ['BRAMBLE_LOG_0', 'BRAMBLE_RETAINED']) {
      await holds(engine, name);
      expect((await engine.manager.streams.info(name)).config.num_replicas).toBe(1);
    }
    await expect(back()).rejects.toThrow(/not empty: BRAMBLE_LOG_0 holds 3000/);
    await back(true);
    await holds(engine, 'BRAMBLE_LOG_0');
    appendFileSync(path.join(directory, 'BRAMBLE_RETAINED.snapshot'), 'x');
    await expect(back(true)).rejects.toThrow(/RETAINED.snapshot is not what was written/);
    await holds(engine, 'BRAMBLE_RETAINED');
    const files = await readdir(directory);
    console.log(`restored 2 × ${RECORDS} records onto one node from ${files.length} files`);
  },
  PATIENCE * 2,
);

test(
  'a backup goes back onto several nodes: all of them have it, and are well',
  async () => {
    await using engine = await engineOf(plan);
    const directory = path.join(root, 'backup-of-four');
    const etc = path.join(root, 'etc-of-four');
    await mkdir(etc);
    const from = { cluster: 'a', node: 'pi1', release: 'r' };
    await backUp({ engine, directory, etc, ...from, skip: () => false });
    await restore({ engine, directory, nodes: COUNT, replace: true });
    const well = async () => {
      const urls = plan.nodes.map(({ ports }) => `http://127.0.0.1:${ports.natsMonitor}/healthz`);
      const answers = await Promise.all(urls.map((url) => fetch(url)));
      await Promise.all(answers.map((answer) => answer.body?.cancel()));
      return answers.every(({ ok }) => ok);
    };
    for (const name of ['BRAMBLE_LOG_0', 'BRAMBLE_RETAINED']) {
      const whole = async () => isWhole(await engine.manager.streams.info(name));
      await eventually(`${name} is whole`, whole, PATIENCE);
      expect((await engine.manager.streams.info(name)).config.num_replicas).toBe(3);
      await holds(engine, name);
    }
    await eventually('each nats-server is well', well, PATIENCE);
  },
  PATIENCE * 3,
);

test(
  'without a majority a restore says so, and has touched nothing',
  async () => {
    const two = await lonely.plan(2);
    await lonely.start(two, two.nodes.slice(0, 1), 'healthz?js-enabled-only=true');
    await using engine = await engineOf(two);
    const directory = path.join(root, 'backup-of-four');
    const back = restore({ engine, directory, nodes: 2, replace: true });
    await expect(back).rejects.toMatchObject({ code: ERROR_CODES.ENGINE_UNAVAILABLE });
  },
  PATIENCE,
);

test.runIf(!modern)('a nats-server that is too old for it is told so', async () => {
  await using engine = await engineOf(plan);
  await using system = await engineOf(plan, 'system');
  const forget = forgetNode({ engine, system, node: 'pi2', nodes: 3, patience: 1_000 });
  await expect(forget).rejects.toThrow(/2\.10 \(Debian 13\) can/);
});

test.runIf(modern)(
  'a node that is out for good: from four nodes to two, with all replicas and every record',
  async () => {
    await using before = await engineOf(plan);
    await using systemBefore = await engineOf(plan, 'system');
    let [engine, system] = [before, systemBefore];
    const forget = (node: string, nodes: number, patience = PATIENCE) =>
      forgetNode({ engine, system, node, nodes, patience });
    const names = plan.nodes.map(({ name }) => name).slice(1);
    const streams = ['BRAMBLE_LOG_0', 'BRAMBLE_RETAINED'];
    const infos = () => Promise.all(streams.map((name) => engine.manager.streams.info(name)));
    const leader = (await infos())[0]!.cluster!.leader!;
    // It still runs, and leads.
    const first = leader === 'pi1' ? 'pi2' : leader;
    const four = await forget(first, 3);
    expect(four.changed).toBe(true);
    for (const { config, cluster } of await infos()) {
      expect(config.num_replicas).toBe(3);
      expect(cluster?.replicas).toHaveLength(2);
    }
    // All have to know before they are ended at once: of four as it was, two are no majority.
    const told = async () => {
      const sizes = await Promise.all(
        plan.nodes.filter(({ name }) => name !== first).map(({ ports }) => metaSize(ports)),
      );
      return sizes.every((size) => size === 3);
    };
    await eventually('all know that it is gone', told, PATIENCE);
    await nats.stop(first);
    // It is dead, and the others were started since: none of them has ever heard its name.
    const [second, third] = names.filter((name) => name !== first);
    const left = plan.nodes.filter(({ name }) => name !== first && name !== second);
    await nats.stop(second!);
    for (const { name } of left) await nats.stop(name);
    await nats.start({ ...plan, nodes: left });
    await using after = await engineOf(plan);
    await using systemAfter = await engineOf(plan, 'system');
    [engine, system] = [after, systemAfter];
    const three = await forget(second!, 2);
    expect(three.streams).toEqual(streams);
    for (const { config, cluster } of await infos()) {
      expect(config.num_replicas).toBe(2);
      expect(cluster?.replicas?.map(({ current }) => current)).toEqual([true]);
    }
    await expect(forget(third!, 1)).rejects.toThrow('no majority');
    await engine.nats.request('log.last', 'x', { timeout: PATIENCE });
    await engine.manager.streams.deleteMessage('BRAMBLE_LOG_0', RECORDS + 1);
    for (const name of streams) await holds(engine, name);
    expect(await forget(second!, 2)).toMatchObject({ changed: false, streams: [] });
    console.log(`4 → 3 → 2 nodes in ${four.took}, ${three.took} ms, 2 × ${RECORDS} records kept`);
  },
  PATIENCE * 3,
);
