import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { vitalsSchema } from '#core/contracts/vitals.ts';
import { CpuUsage, parseCpuTimes } from '../../../services/stats/sources/cpu-usage.ts';
import { parseOsRelease } from '../../../services/stats/sources/identity.ts';
import { LocalVitals } from '../../../services/stats/sources/local-vitals.ts';
import { natsVarzSchema, toNatsStatus } from '../../../services/stats/sources/nats.ts';
import { readProblems } from '../../../services/stats/sources/node-problems.ts';
import { parseThrottled } from '../../../services/stats/sources/throttled.ts';
import { varz } from '../../support/stats-peers.ts';

test('the cpu line of /proc/stat: guest time is not counted twice, iowait is idle', () => {
  const stat = 'cpu  100 10 50 800 40 5 5 0 90 9\ncpu0 1 2 3';
  expect(parseCpuTimes(stat)).toEqual({ busy: 170, total: 1010 });
  expect(parseCpuTimes('intr 1 2')).toBeUndefined();
  expect(parseCpuTimes('')).toBeUndefined();
});

test('usage is the busy share between two readings', () => {
  const cpu = new CpuUsage();
  expect(cpu.sample('cpu 0 0 0 0 0 0 0 0\n')).toBeUndefined();
  expect(cpu.sample('cpu 25 0 0 75 0 0 0 0\n')).toBe(25);
  expect(cpu.sample('cpu 25 0 0 75 0 0 0 0\n')).toBeUndefined();
  expect(cpu.sample('cpu 25 0 0 65 20 0 0 0\n')).toBe(0);
});

test('throttling flags, from sysfs and from vcgencmd', () => {
  expect(parseThrottled('0\n')).toEqual({ now: [], sinceBoot: [] });
  expect(parseThrottled('throttled=0x50005\n')).toEqual({
    now: ['undervoltage', 'throttled'],
    sinceBoot: ['undervoltage', 'throttled'],
  });
  expect(parseThrottled('80008')).toEqual({ now: ['soft-limit'], sinceBoot: ['soft-limit'] });
  expect(parseThrottled('VCHI initialization failed')).toBeUndefined();
});

test('the name of the system, quoted or not', () => {
  expect(parseOsRelease('ID=debian\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n')).toBe(
    'Debian GNU/Linux 13 (trixie)',
  );
  expect(parseOsRelease("PRETTY_NAME='x y'")).toBe('x y');
  expect(parseOsRelease('PRETTY_NAME=plain')).toBe('plain');
  expect(parseOsRelease('NAME=x')).toBeUndefined();
});

test("this machine's vitals keep the contract, and what is slow comes later", async () => {
  const local = new LocalVitals();
  const first = vitalsSchema.parse(await local.sample());
  expect(first.cpu.usage).toBeUndefined();
  expect(first.memory.available).toBeGreaterThan(0);
  expect(first.memory.total).toBeGreaterThan(first.memory.available);
  for (let turn = 0; turn < 100; turn++) {
    const { disks, cpu } = vitalsSchema.parse(await local.sample());
    if (disks.length > 0 && cpu.usage !== undefined) {
      expect(disks[0]?.mount).toBe('/');
      expect(disks[0]?.size).toBeGreaterThan(disks[0]?.used ?? 0);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('no disks within 5 s');
});

test('what nats-server says, alone and in a cluster', () => {
  const status = toNatsStatus(natsVarzSchema.parse(varz()));
  expect(status).toMatchObject({ name: 'pi1', routes: 1, jetstream: { leader: 'pi1' } });
  const leaderless = varz({ jetstream: { stats: { storage: 1 }, meta: {} } });
  expect(toNatsStatus(natsVarzSchema.parse(leaderless)).jetstream?.leader).toBe('');
  const alone = toNatsStatus(natsVarzSchema.parse(varz({ jetstream: {}, routes: undefined })));
  expect(alone.jetstream).toEqual({ storage: 0 });
  expect(alone.routes).toBe(0);
});

test('what a node has noticed of itself: none, some, and a file that cannot be read', async () => {
  const work = await mkdtemp(path.join(tmpdir(), 'bramble-problems-'));
  const file = path.join(work, 'problems.json');
  expect(await readProblems(file)).toEqual([]);
  await writeFile(file, '["/var cannot be changed."]\n');
  expect(await readProblems(file)).toEqual(['/var cannot be changed.']);
  for (const text of ['', '{', '{"a":1}', '[1]', JSON.stringify(['x'.repeat(301)])]) {
    await writeFile(file, text);
    expect(await readProblems(file)).toEqual([expect.stringMatching(/cannot be read/)]);
  }
  await rm(work, { recursive: true });
});
