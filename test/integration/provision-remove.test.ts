import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtVirtualPi } from '../image/built.ts';
import { eventually } from '../support/broker.ts';
import { ProvisionedCluster } from '../support/provision-cluster.ts';
import { canProvision } from '../support/provision-lab.ts';
import { RollingLoad } from '../support/rolling-load.ts';
import { ALL_STORED, countMessages, storeMessages } from '../support/stored-messages.ts';
import { copiesOf } from '../support/stream-copies.ts';

/** Minutes each: make test-provision with PROVISION_NODES=3. */
const asked = Number(process.env.BRAMBLE_PROVISION_NODES ?? 0) >= 3;
/** On a machine with much other work, milliseconds. */
const PATIENCE = 1_800_000;
const WHOLE = 120_000;

const tar = await builtVirtualPi().catch(() => undefined);
const permitted = asked && tar !== undefined && canProvision();

let home: ProvisionedCluster;

beforeAll(async () => {
  if (!permitted) return;
  const names = ['pi1', 'pi2', 'pi3'];
  home = await ProvisionedCluster.open({ tar: tar!, names, stock: true, vip: true });
}, PATIENCE);
afterAll(() => home?.[Symbol.asyncDispose](), PATIENCE);

const stored = async (away: string) => ({ host: home.lab.vip, login: await home.login(), away });

const copies = () => copiesOf(home.lab.nodes);
const everyCopyOn = (names: string) => async () => {
  const places = [...(await copies()).values()];
  return places.length > 3 && places.every((place) => place === names);
};
const whole = (names: string) =>
  eventually(`each stream is on ${names}`, everyCopyOn(names), WHOLE).catch(async (error) => {
    throw new Error(`${error}: ${JSON.stringify([...(await copies())])}`);
  });

describe.runIf(permitted)('a node that is taken out for good', () => {
  test(
    'alive, under load: what was acknowledged is received, and nothing of ours is left on it',
    async () => {
      await home.must('apply', '--release', home.release);
      await storeMessages(await stored('away-1'));
      await whole('pi1 pi2 pi3');
      await using load = new RollingLoad({
        host: home.lab.vip,
        login: await home.login(),
        every: 50,
      });
      await load.start();
      const end = await home.must('remove-node', 'pi3');
      const { mqtt: books } = await load.finish();
      const { acknowledged, received, lost, doubled } = books;
      expect(lost, books.examples.join('\n')).toBe(0);
      expect(doubled, books.examples.join('\n')).toBe(0);
      expect(received).toBe(acknowledged * 2);
      expect(end.out).toContain('two brokers: nothing is lost when one dies');
      expect(await readFile(home.file, 'utf8')).not.toContain('pi3');
      const left = await home.lab.node('pi3').pi.run('ls', ['/var/lib/bramble', '/etc/bramble']);
      expect(left).not.toMatch(/nats|cluster\.yaml/);
      await whole('pi1 pi2');
      expect(await countMessages(await stored('away-1'))).toEqual(ALL_STORED);
      const again = await home.must('apply');
      expect(Object.values(again.hosts).map(({ changed }) => changed)).toEqual([0, 0]);
      console.log(
        `remove-node of one of 3 under load in ${end.took.toFixed(0)} s: ${acknowledged} acknowledged, ${received} received by 2, ${lost} lost, ${doubled} doubled; ${(await copies()).size} streams with a copy on each of 2`,
      );
    },
    PATIENCE,
  );

  test(
    'one of two brokers is not, and nothing is touched',
    async () => {
      const before = await readFile(home.file, 'utf8');
      const { code, out, events } = await home.play('remove-node', 'pi2');
      expect(code).toBe(2);
      expect(out).toContain('without pi2 only pi1 would store');
      expect(events).toEqual([]);
      expect(await readFile(home.file, 'utf8')).toBe(before);
    },
    PATIENCE,
  );

  test(
    'dead, after it was taken in again: the others keep everything',
    async () => {
      const address = home.lab.node('pi3').address;
      await home.must('add-node', `pi3=${address}`);
      await whole('pi1 pi2 pi3');
      await storeMessages(await stored('away-2'));
      await home.lab.destroy('pi3');
      const end = await home.must('remove-node', 'pi3');
      await whole('pi1 pi2');
      expect(await countMessages(await stored('away-2'))).toEqual(ALL_STORED);
      await home.serves();
      const again = await home.must('apply');
      expect(Object.values(again.hosts).map(({ changed }) => changed)).toEqual([0, 0]);
      console.log(`remove-node of a dead one in ${end.took.toFixed(0)} s`);
    },
    PATIENCE,
  );
});
