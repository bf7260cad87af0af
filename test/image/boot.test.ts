import { afterAll, beforeAll, expect, test } from 'vitest';
import { BOOT, CardMachine } from './card.ts';

let pi: CardMachine;
let from = 0;
const since = () => `${((performance.now() - from) / 1000).toFixed(0)} s`;

beforeAll(async () => {
  pi = await CardMachine.flash();
  from = performance.now();
});
afterAll(() => pi?.[Symbol.asyncDispose]());

test('from the card to a login prompt', async () => {
  await pi.until('a login prompt', async () => pi.machine.console.includes('login:'), BOOT);
  console.log(`login prompt after ${since()}`);
  expect(pi.machine.slot).toBe('a');
});

test('its first start serves MQTT and the page, with the login that STATUS.txt tells', async () => {
  await pi.serves();
  console.log(`a message goes round after ${since()}`);
  expect(await pi.page()).toContain('attic');
  const status = await pi.read('STATUS.txt');
  expect(status).toContain('Bramble on attic, ');
  expect(status).toContain('The user jane can log in by SSH with a key.');
  expect(status).toMatch(/^Addresses: .*10\.0\.2\.15/m);
});

test('its owner can log in with the key that was on the card, and nothing has failed', async () => {
  await pi.until('SSH', () => pi.ssh('true'));
  expect(await pi.ssh('hostname')).toBe('attic\n');
  expect(await pi.read('user-data')).not.toContain('ssh-ed25519');
  const failed = await pi.ssh('systemctl list-units --failed --no-legend --plain');
  expect(failed).toBe('');
  const root = await pi.ssh('findmnt -n -o FSTYPE /; findmnt -n -o FSTYPE /data; cat /proc/swaps');
  expect(root).toMatch(/^squashfs\next4\n/);
  expect(root).toContain('/dev/zram0');
});

test('the data partition has grown to the end of the card', async () => {
  await pi.until('the file system ends where the card ends', () => pi.isGrown());
});

test('memory of all services at rest', async () => {
  const text = await pi.ssh(
    'for u in balancer broker stats nats; do echo $u $(systemctl show -P MemoryCurrent bramble-$u); for p in $(cat /sys/fs/cgroup/system.slice/bramble-$u.service/cgroup.procs); do grep VmRSS /proc/$p/status; done; done; free -m',
  );
  const total = [...text.matchAll(/VmRSS:\s+(\d+)/g)].reduce(
    (sum, [, kib]) => sum + Number(kib),
    0,
  );
  console.log(`${text}\nRSS of all: ${(total / 1024).toFixed(0)} MiB`);
  expect(total).toBeGreaterThan(0);
});

test('a cluster.yaml with errors is told by line and column, and the node serves on', async () => {
  await pi.machine.powerOff();
  await pi.write('cluster.yaml', 'cluster:\n  name: home\n  secrt: x\nnodes: []\n');
  await pi.machine.powerOn();
  await pi.serves();
  await pi.until('it is told', async () => /cluster\.yaml:3:\d+/.test(await pi.read('STATUS.txt')));
  const status = await pi.read('STATUS.txt');
  expect(status).toContain('has errors and was not taken');
  expect(status).toContain('This node is attic.');
  expect(await pi.read('cluster.yaml')).toContain('secrt');
});

test('a kernel that has stopped is started again by the watchdog', async () => {
  const { starts } = pi.machine;
  // Without this it would start itself again after ten seconds.
  await pi
    .ssh(
      'sysctl -q kernel.panic=0; cat /sys/class/watchdog/watchdog0/identity; (sleep 1; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &',
    )
    .catch(() => '');
  const stopped = performance.now();
  await pi.until('a reset', async () => pi.machine.starts > starts);
  console.log(`reset ${((performance.now() - stopped) / 1000).toFixed(0)} s after the panic`);
  await pi.serves();
});
