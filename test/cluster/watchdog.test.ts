import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { WatchdogStatus } from '#core/contracts/status.ts';
import { DRAIN_DIRECTORY } from '#core/drain.ts';
import { eventually } from '../support/broker.ts';
import { type Lab, lab } from './lab/lab.ts';
import type { VirtualPi } from './lab/virtual-pi.ts';
import { configureWatchdog, dropIn, timelineOf, watchdogOf } from './lab/watchdogs.ts';

/** The ladder's times are a fifth of what an owner has: minutes would pass between two rungs. */
const PACE = 'pace: 0.2\ninterval: 1000';
const PATIENCE = 120_000;
const YOUNG = 18_000;
const LADDER = 600_000;
const BROKEN = 'ExecStartPre=/bin/false';
const BROKER = 'bramble-broker';

let home: Lab;

beforeAll(async () => {
  home = await lab(3, { probe: 100 });
  for (const pi of home.pis) await configureWatchdog(pi, PACE);
});
afterAll(() => home?.[Symbol.asyncDispose]());

type Service = WatchdogStatus['services'][number];
const service = async (pi: VirtualPi, name: string): Promise<Service | undefined> =>
  (await watchdogOf(pi))?.services.find((one) => one.name === name);
const isUp = async (pi: VirtualPi, name: string): Promise<boolean> =>
  (await service(pi, name))?.state === 'up';
/** All well, and nothing of it young: what has just started is left to systemd for a while. */
const allUp = async (): Promise<void> => {
  for (const pi of home.pis) {
    const well = async () =>
      (await watchdogOf(pi))?.services.every(({ state }) => state === 'up') ?? false;
    await eventually(`all of ${pi.name} is up`, well, PATIENCE).catch(async (error: unknown) => {
      console.error(JSON.stringify(await watchdogOf(pi)));
      throw error;
    });
  }
  await wait(YOUNG);
};
const mainPid = async (pi: VirtualPi, unit: string): Promise<string> =>
  (await pi.exec('systemctl', 'show', '-P', 'MainPID', unit)).trim();
/** Seen on the page of another node. */
const told = async (pi: VirtualPi, what: RegExp, since = 0): Promise<string[]> => {
  const other = home.pis.find((one) => one !== pi && one.isOn)!;
  return (await timelineOf(other, since)).filter((text) => what.test(text));
};
const drained = async (pi: VirtualPi): Promise<boolean> =>
  (await pi.exec('ls', DRAIN_DIRECTORY)).includes('watchdog');
/** One that has not the address: its going away moves nothing. */
const backups = (): VirtualPi[] => home.pis.filter((pi) => pi !== home.owner());

test('what systemd mends by itself is left to it', async () => {
  await allUp();
  const [pi] = backups();
  const before = await mainPid(pi!, BROKER);
  pi!.kill(BROKER);
  const again = async () => !['0', before].includes(await mainPid(pi!, BROKER));
  await eventually('another process', again, PATIENCE);
  await eventually('it is up', () => isUp(pi!, 'broker'), PATIENCE);
  await eventually(
    'told',
    async () => (await told(pi!, /broker restarted: process/)).length > 0,
    PATIENCE,
  );
  expect((await service(pi!, 'broker'))?.rung).toBeUndefined();
});

test('a frozen broker, whose port is open still, is restarted', async () => {
  await allUp();
  const [pi] = backups();
  const before = await mainPid(pi!, BROKER);
  const from = performance.now();
  pi!.kill(BROKER, 'SIGSTOP');
  const acted = async () => (await service(pi!, 'broker'))?.rung === 'restart';
  await eventually('the watchdog acts', acted, PATIENCE);
  const after = performance.now() - from;
  await eventually('it is up', () => isUp(pi!, 'broker'), PATIENCE);
  expect(await mainPid(pi!, BROKER)).not.toBe(before);
  const [event] = await told(pi!, /the watchdog restarts it/);
  console.log(`${event}: after ${(after / 1000).toFixed(0)} s`);
  expect(event).toMatch(new RegExp(`^${pi!.name} broker is down \\(.*nothing within 4 s\\)`));
  expect((await pi!.exec('ls', '/var/lib/bramble/watchdog/captures')).trim()).toMatch(BROKER);
});

test.each([
  { name: 'nats', port: 4222, layer: 4 },
  { name: 'balancer', port: 1883, layer: 4 },
])('$name with its port closed is restarted: layer $layer', async ({ name, port }) => {
  await allUp();
  const pi = backups()[1]!;
  const rule = `table inet test { chain input { type filter hook input priority -10; iif lo tcp dport ${port} reject with tcp reset; }; }`;
  await pi.exec('nft', rule);
  const acted = async () => (await service(pi, name))?.rung === 'restart';
  await eventually('the watchdog acts', acted, PATIENCE);
  await pi.exec('nft', 'delete', 'table', 'inet', 'test');
  await eventually('it is up', () => isUp(pi, name), PATIENCE);
  const [event] = await told(pi, new RegExp(`^${pi.name} ${name} .*the watchdog restarts it`));
  console.log(event);
  expect(event).toMatch(new RegExp(`is down \\(TCP at .*:${port}: .*ECONNREFUSED`));
});

test('what its owner has stopped stays stopped', async () => {
  await allUp();
  const [pi] = backups();
  await pi!.exec('systemctl', 'stop', BROKER);
  const stopped = async () => (await service(pi!, 'broker'))?.state === 'stopped';
  await eventually('it is seen', stopped, PATIENCE);
  await wait(5_000);
  expect((await pi!.exec('systemctl', 'show', '-P', 'ActiveState', BROKER)).trim()).toBe(
    'inactive',
  );
  await pi!.exec('systemctl', 'start', BROKER);
});

test(
  'of two nodes one at a time mends itself, and none restarts where no majority would stay',
  async () => {
    await allUp();
    const broken = backups();
    const beganAt = Date.now();
    for (const pi of broken) {
      await dropIn(pi, BROKER, BROKEN);
      pi.kill(BROKER);
    }
    let both = 0;
    let one = 0;
    const done = new Set<string>();
    const looked = async (): Promise<boolean> => {
      const views = await Promise.all(broken.map(watchdogOf));
      const acting = views.filter((view) => view?.acting === true).length;
      if (acting > 1) both++;
      else if (acting === 1) one++;
      for (const [index, view] of views.entries()) {
        const rung = view?.services.find(({ name }) => name === 'broker')?.rung;
        if (rung === 'drain-restart') done.add(broken[index]!.name);
      }
      return done.size === 2 && acting === 0;
    };
    await eventually('both have drained themselves', looked, LADDER / 2);
    // The next rung is a reboot, which neither may have.
    for (const pi of broken) {
      const refused = async () => {
        await looked();
        return (await pi.journal('bramble-watchdog')).includes('would lose its majority');
      };
      await eventually(`${pi.name} waits`, refused, PATIENCE);
    }
    console.log(`one at work in ${one} looks, both in ${both}`);
    expect(one).toBeGreaterThan(0);
    expect(both).toBe(0);
    for (const pi of broken) {
      expect(pi.isOn).toBe(true);
      expect((await watchdogOf(pi))?.rebootsLeft).toBe(2);
      expect(await drained(pi)).toBe(true);
    }
    // Clients are served all the time.
    await home.prober.calm(beganAt);
    for (const pi of broken) {
      await dropIn(pi, BROKER, '');
      await pi.exec('systemctl', 'restart', BROKER);
    }
    await allUp();
    for (const pi of broken) {
      await eventually('it takes clients again', async () => !(await drained(pi)), PATIENCE);
    }
  },
  LADDER,
);

test(
  'a service that cannot start: restarts, drain, two reboots, and then no more',
  async () => {
    await allUp();
    const [pi] = backups();
    for (const one of home.pis) await forget(one);
    const beganAt = Date.now();
    await dropIn(pi!, BROKER, BROKEN);
    pi!.kill(BROKER);
    const from = performance.now();
    const after = (): string => `${((performance.now() - from) / 1000).toFixed(0)} s`;
    const lost = () => home.owners.lose(pi!);
    for (const left of [1, 0]) {
      await pi!.rebooted(lost);
      console.log(`restarts itself after ${after()}`);
      await home.owners.add(pi!);
      await pi!.booted();
      const counted = async () => (await watchdogOf(pi!))?.rebootsLeft === left;
      await eventually(`${left} left`, counted, PATIENCE);
    }
    const given = async () => (await service(pi!, 'broker'))?.rung === 'quarantine';
    await eventually('quarantine', given, PATIENCE);
    const toldSo = async () => (await told(pi!, /tried again every 5 min/, beganAt)).length > 0;
    await eventually('its owner is told', toldSo, PATIENCE);
    console.log(`in quarantine after ${after()}`);
    const events = await told(pi!, new RegExp(`^${pi!.name} broker `), beganAt);
    const count = (what: RegExp): number => events.filter((text) => what.test(text)).length;
    console.log(events.toReversed().join('\n'));
    expect(count(/the watchdog restarts it$/)).toBe(2);
    expect(count(/sends clients to other nodes/)).toBe(1);
    expect(count(/restarts this node/)).toBe(2);
    await dropIn(pi!, BROKER, '');
    await eventually('the next try mends it', () => isUp(pi!, 'broker'), PATIENCE);
    await allUp();
    expect(await drained(pi!)).toBe(false);
  },
  LADDER,
);

/** A watchdog that remembers nothing of what was done before. */
async function forget(pi: VirtualPi): Promise<void> {
  await pi.exec('systemctl', 'stop', 'bramble-watchdog');
  await pi.exec('rm', '-f', '/var/lib/bramble/watchdog/memory.json');
  await pi.exec('systemctl', 'start', 'bramble-watchdog');
}
