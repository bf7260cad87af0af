import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtVirtualPi } from '../image/built.ts';
import { eventually } from '../support/broker.ts';
import { ProvisionedCluster } from '../support/provision-cluster.ts';
import { canProvision } from '../support/provision-lab.ts';
import { ALL_STORED, countMessages, storeMessages } from '../support/stored-messages.ts';
import { copiesOf } from '../support/stream-copies.ts';

/** Minutes each: make test-provision with PROVISION_NODES=3. */
const asked = Number(process.env.BRAMBLE_PROVISION_NODES ?? 0) >= 3;
/** On a machine with much other work, milliseconds. */
const PATIENCE = 1_200_000;
const WHOLE = 120_000;
const NAMES = ['pi1', 'pi2', 'pi3'];

const tar = await builtVirtualPi().catch(() => undefined);
const permitted = asked && tar !== undefined && canProvision();

let home: ProvisionedCluster;
let backup: string;

beforeAll(async () => {
  if (!permitted) return;
  home = await ProvisionedCluster.open({ tar: tar!, names: NAMES, stock: true, vip: true });
  backup = path.join(home.lab.work, 'backup');
  await home.must('apply', '--release', home.release);
}, PATIENCE);
afterAll(() => home?.[Symbol.asyncDispose](), PATIENCE);

const stored = async (away: string) => ({ host: home.lab.vip, login: await home.login(), away });

/** Each stream has a whole copy on each node. */
async function whole(): Promise<number> {
  const all = async () => {
    const places = [...(await copiesOf(home.lab.nodes)).values()];
    return places.length > 3 && places.every((place) => place === NAMES.join(' '));
  };
  await eventually('each stream is on each node', all, WHOLE);
  return (await copiesOf(home.lab.nodes)).size;
}

/** A retained message, or undefined: one that is kept for sure comes after it. */
async function retained(topic: string): Promise<string | undefined> {
  const client = await mqtt.connectAsync(`mqtt://${home.lab.vip}:1883`, {
    ...(await home.login()),
    connectTimeout: 60_000,
  });
  try {
    const got = new Map<string, string>();
    client.on('message', (name, payload) => got.set(name, String(payload)));
    await client.subscribeAsync([topic, 'kept/0'], { qos: 1 });
    await eventually('what is kept has come', () => got.has('kept/0'), WHOLE);
    return got.get(topic);
  } finally {
    await client.endAsync(true);
  }
}

async function retain(topic: string, text: string): Promise<void> {
  const client = await mqtt.connectAsync(`mqtt://${home.lab.vip}:1883`, await home.login());
  await client.publishAsync(topic, text, { qos: 1, retain: true });
  await client.endAsync();
}

describe.runIf(permitted)('what three nodes store', () => {
  test(
    'goes back to what a backup has, on all three, where somebody is sure of it',
    async () => {
      await storeMessages(await stored('away-1'));
      await retain('state', 'of then');
      const taken = await home.must('backup', backup);
      await retain('state', 'of later');
      await retain('later', 'x');
      const refused = await home.play('restore', backup);
      expect(refused.code).toBe(1);
      expect(refused.out).toContain('the cluster is not empty');
      // Nothing has changed, and all brokers run again.
      await home.serves();
      expect(await retained('state')).toBe('of later');
      const end = await home.must('restore', backup, '--replace-all-messages');
      await home.serves();
      expect(await retained('state')).toBe('of then');
      expect(await retained('later')).toBeUndefined();
      const streams = await whole();
      expect(await countMessages(await stored('away-1'))).toEqual(ALL_STORED);
      console.log(
        `backup of 3 in ${taken.took.toFixed(0)} s, restored onto 3 in ${end.took.toFixed(0)} s: ${ALL_STORED.retained} retained and ${ALL_STORED.waited} for a client that was away, all there; ${streams} streams with 3 copies each`,
      );
    },
    PATIENCE,
  );

  test(
    'is gone after a reset, which somebody is sure of; the next apply makes an empty cluster',
    async () => {
      const unsure = await home.play('reset', NAMES.join(','));
      expect(unsure.code).toBe(2);
      expect(unsure.out).toContain('--delete-all-messages');
      await home.serves();
      const reset = await home.must('reset', NAMES.join(','), '--delete-all-messages');
      for (const { name, pi } of home.lab.nodes) {
        for (const gone of ['etc/bramble/cluster.yaml', 'var/lib/bramble/nats']) {
          expect(existsSync(path.join(pi.root, gone)), `${gone} of ${name}`).toBe(false);
        }
        const active = await pi.run('systemctl', [
          ...['list-units', '--state=active,activating,failed', '--plain', '--no-legend'],
          ...['bramble*.service', 'bramble.target'],
        ]);
        expect(active.replace(/^bramble-configure\.service .*\n/m, ''), name).toBe('');
      }
      const again = await home.must('reset', NAMES.join(','), '--delete-all-messages');
      expect(Object.values(again.hosts).map(({ changed }) => changed)).toEqual([0, 0, 0]);
      // The release is there still.
      const end = await home.must('apply');
      console.log(
        `reset of 3 in ${reset.took.toFixed(0)} s, apply after it in ${end.took.toFixed(0)} s`,
      );
    },
    PATIENCE,
  );

  test(
    'is brought back from a backup onto the empty three, with its sessions',
    async () => {
      // What the backup says of the cluster is what apply was given.
      const text = await readFile(path.join(backup, 'cluster.yaml'), 'utf8');
      for (const { address } of home.lab.nodes) expect(text).toContain(address);
      // Nobody has to be sure: it would be refused if anything were stored.
      const end = await home.must('restore', backup);
      await home.serves();
      const streams = await whole();
      expect(await retained('state')).toBe('of then');
      expect(await countMessages(await stored('away-1'))).toEqual(ALL_STORED);
      const after = await home.must('apply');
      expect(Object.values(after.hosts).map(({ changed }) => changed)).toEqual([0, 0, 0]);
      console.log(
        `restored onto 3 empty nodes in ${end.took.toFixed(0)} s: all there; ${streams} streams with 3 copies each`,
      );
    },
    PATIENCE,
  );
});
