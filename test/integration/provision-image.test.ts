import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtVirtualPi } from '../image/built.ts';
import { succeeds } from '../image/virtual-pi.ts';
import { eventually } from '../support/broker.ts';
import { type End, ProvisionedCluster } from '../support/provision-cluster.ts';
import { canProvision } from '../support/provision-lab.ts';

/** Minutes each: make test-provision. */
const COUNT = Number(process.env.BRAMBLE_PROVISION_NODES ?? 0);
const PATIENCE = 900_000;
const START = 180_000;
/** What a machine that is not ours gets, and the image has in another place. */
const STOCK = ['etc/sysusers.d/bramble.conf', 'etc/tmpfiles.d/bramble.conf'];

const tar = await builtVirtualPi().catch(() => undefined);
const permitted = COUNT > 0 && tar !== undefined && canProvision();

let home: ProvisionedCluster;

beforeAll(async () => {
  if (!permitted) return;
  const names = Array.from({ length: COUNT }, (_, i) => `pi${i + 1}`);
  home = await ProvisionedCluster.open({ tar: tar!, names, flashed: true, vip: COUNT > 1 });
}, PATIENCE);
afterAll(() => home?.[Symbol.asyncDispose](), PATIENCE);

const changed = ({ hosts }: End) => Object.values(hosts).map((one) => one.changed);
const newcomer = { username: 'newcomer', password: 'a-newcomer-s-password' };

describe.runIf(permitted)(`${COUNT} cards with the image and one cluster.yaml`, () => {
  test(
    'are one cluster when they are on, without anything else',
    async () => {
      const from = performance.now();
      await eventually('each takes clients', () => succeeds(() => home.serves()), START);
      console.log(`serve ${Math.round(performance.now() - from)} ms after ssh does`);
    },
    PATIENCE,
  );

  test(
    'apply leaves them as they are, but for the firewall; a second time it changes nothing',
    async () => {
      const release = home.current();
      const first = await home.must('apply');
      const second = await home.must('apply');
      expect(changed(second)).toEqual(home.lab.nodes.map(() => 0));
      expect(home.current()).toEqual(release);
      for (const { pi } of home.lab.nodes) {
        for (const file of STOCK) expect(existsSync(path.join(pi.root, file)), file).toBe(false);
      }
      await home.serves();
      console.log(`first apply changes ${changed(first)} tasks in ${first.took.toFixed(0)} s`);
    },
    PATIENCE,
  );

  test(
    'what apply brought holds when the node looks at its card again',
    async () => {
      const text = await readFile(home.file, 'utf8');
      const user = `  users:\n    - name: ${newcomer.username}\n      password: ${newcomer.password}\n`;
      await writeFile(home.file, text.replace(/^ {2}users:\n/m, user));
      await home.must('apply');
      const [{ pi, address }] = home.lab.nodes as [(typeof home.lab.nodes)[number]];
      await pi.run('/opt/bramble/current/bin/bramble', ['configure']);
      const client = await mqtt.connectAsync(`mqtt://${address}:1883`, newcomer);
      await client.endAsync();
      expect(changed(await home.must('apply'))).toEqual(home.lab.nodes.map(() => 0));
    },
    PATIENCE,
  );

  test(
    'an upgrade runs on them, and rollback goes back to what the image has',
    async () => {
      const before = home.current();
      await home.must('upgrade', home.release);
      expect(home.current()).toEqual(home.lab.nodes.map(() => path.basename(home.release)));
      await home.serves();
      const variant = await home.variant('bramble-9.9.9-next', 'services/stats/NOTE', 'next\n');
      await home.must('upgrade', variant);
      const back = await home.must('rollback');
      expect(home.current()).toEqual(home.lab.nodes.map(() => path.basename(home.release)));
      await home.serves();
      console.log(`image ${before[0]}; rollback in ${back.took.toFixed(0)} s`);
    },
    PATIENCE,
  );
});
