import { open } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { builtImage } from './built.ts';
import { BOOT, CardMachine } from './card.ts';
import { talk } from './mqtt.ts';

/** The boot sector, its copy, both tables and the root directory of a FAT of 512 MB; bytes. */
const BROKEN = 4 * 1024 * 1024;
const DAY = 86_400_000;

/** Nothing that is left there is a FAT any more. */
async function overwriteFat(card: string, firmware: number): Promise<void> {
  const file = await open(card, 'r+');
  try {
    await file.write(Buffer.alloc(BROKEN, 'no file system '), 0, BROKEN, firmware);
    await file.sync();
  } finally {
    await file.close();
  }
}

test('a FAT that broke once the kernel was read, and a clock of 1970: the node is reachable, and says so', async () => {
  // A Pi's firmware would not get as far; what it has read comes from another card.
  await using pi = await CardMachine.flash({
    mishap: overwriteFat,
    firmware: await builtImage(),
    clock: '1970-01-01T00:00:00',
  });
  const problems = async (): Promise<string[]> => {
    const { health } = JSON.parse(await pi.page('/api/cluster')) as Cluster;
    return health.problems.map(({ text }) => text);
  };
  await pi.until('the page is there', () => pi.page(), BOOT);
  await pi.until('it says what is wrong', async () =>
    (await problems()).some((text) =>
      text.startsWith('The FAT partition of the card cannot be mo'),
    ),
  );
  console.log((await problems()).join('\n'));
  expect(await pi.page()).toContain('cannot be mounted');
  // It serves; the login of this cluster of one could be written nowhere that its owner sees.
  await pi.until('MQTT asks who is there', async () => {
    const refused = await talk(pi.frontDoor, async () => 'in').catch(String);
    return /not authorized/i.test(refused);
  });
  // Of the day on which its system was made at least, for a Pi has no clock that goes on.
  const { at } = JSON.parse(await pi.page('/api/cluster')) as Cluster;
  console.log(`the clock of 1970 says ${new Date(at).toISOString()}`);
  expect(at).toBeGreaterThan(Date.UTC(2025, 0));
  expect(at).toBeLessThan(Date.now() + DAY);
  expect(pi.machine.starts).toBe(1);
  expect(pi.machine.console).not.toContain('emergency mode');
});

interface Cluster {
  at: number;
  health: { problems: { text: string }[] };
}
