import { expect, test } from 'vitest';
import { BOOT, CardMachine } from './card.ts';

const WRONG =
  /The clock said 2100-01-0\d at the start, which cannot be right, and was set to 20\d\d/;

test('a clock of the year 2100: the node serves, says so, and no longer once it was set', async () => {
  await using pi = await CardMachine.flash({ clock: '2100-01-01T00:00:00' });
  await pi.serves(BOOT);
  const problems = async (): Promise<string[]> => {
    const { health } = JSON.parse(await pi.page('/api/cluster')) as Cluster;
    return health.problems.map(({ text }) => text);
  };
  await pi.until('the page says so', async () =>
    (await problems()).some((text) => WRONG.test(text)),
  );
  console.log((await problems()).join('\n'));
  expect(await pi.read('STATUS.txt')).toMatch(WRONG);
  const { at } = JSON.parse(await pi.page('/api/cluster')) as Cluster;
  console.log(`the clock of 2100 says ${new Date(at).toISOString()}`);
  expect(new Date(at).getUTCFullYear()).toBeLessThan(2040);
  await pi.until('SSH', () => pi.ssh('true'));
  // As a time server would, a day later.
  await pi.ssh(`date -s @${Math.round(at / 1000) + 86_400}`);
  await pi.until('the page has nothing to say', async () => (await problems()).length === 0);
  expect(await pi.read('STATUS.txt')).not.toContain('clock');
});

interface Cluster {
  at: number;
  health: { problems: { text: string }[] };
}
