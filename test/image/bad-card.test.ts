import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/broker.ts';
import { builtVirtualPi } from './built.ts';
import { bootVirtualPi, succeeds, type VirtualPi } from './virtual-pi.ts';

const FIRMWARE = '/boot/firmware';
const PLACEHOLDER = 'No Pi has started from this card yet.';
/** On a busy machine, milliseconds. */
const SOON = 60_000;
const CLUSTER = `cluster: { name: home, secret: 0123456789abcdef0123 }
nodes: [{ name: attic, address: 10.9.8.1 }]
`;

let pi: VirtualPi;
beforeAll(async () => {
  pi = await bootVirtualPi(await builtVirtualPi(), async (root) => {
    await mkdir(path.join(root, FIRMWARE), { recursive: true });
    await writeFile(path.join(root, FIRMWARE, 'user-data'), '#cloud-config\nhostname: attic\n');
  });
});
afterAll(() => pi?.[Symbol.asyncDispose]());
beforeEach(async () => {
  while (await succeeds(() => pi.run('umount', [FIRMWARE])));
});

const sh = (script: string) => pi.run('sh', ['-c', script]);
const status = () => sh(`cat ${FIRMWARE}/STATUS.txt`);

/** Its services have their configuration, and what it said went to the journal. */
async function configure(): Promise<string> {
  // Nobody restarts it this often.
  await sh(`rm -f /etc/bramble/broker.yaml; systemctl reset-failed bramble-configure.service
    systemctl restart bramble-configure.service`);
  expect(await succeeds(() => sh('test -s /etc/bramble/broker.yaml'))).toBe(true);
  return sh('journalctl -q -o cat -u bramble-configure.service -n 30');
}

/** Waits until the page says this of the node in its API, and shows problems. */
async function expectOnPage(what: RegExp): Promise<void> {
  const problems = async (): Promise<string[]> => {
    const answer = await pi.run('curl', ['-sf', 'http://127.0.0.1/api/cluster'], 'net');
    const { health } = JSON.parse(answer) as { health: { problems: Said[] } };
    return health.problems.map(({ subject, text }) => `${subject}: ${text}`);
  };
  await eventually(
    `the page says ${what}`,
    async () => {
      return (await problems().catch(() => [])).some((text) => what.test(text));
    },
    SOON,
  );
  const html = await pi.run('curl', ['-sf', 'http://127.0.0.1/'], 'net');
  expect(html).toContain('class="problems"');
}
interface Said {
  subject: string;
  text: string;
}

test('a FAT partition that is full: STATUS.txt is written in its own place', async () => {
  await sh(`mount -t tmpfs -o size=64k tmpfs ${FIRMWARE}; cd ${FIRMWARE}
    echo '${PLACEHOLDER}' >STATUS.txt; printf '${CLUSTER}' >cluster.yaml
    head -c 1M /dev/zero >photos 2>/dev/null; true`);
  expect(await sh(`df --output=avail ${FIRMWARE} | tail -1`)).toMatch(/^ *0\n$/);
  await configure();
  const text = await status();
  expect(text).toContain('cluster.yaml was taken from the card.');
  expect(text).not.toContain('could not be removed');
  expect(await sh(`cat ${FIRMWARE}/cluster.yaml.taken`)).toMatch(/^Taken\./);
  const names = await sh(`ls ${FIRMWARE}`);
  expect(names.split('\n').filter(Boolean)).toEqual(['STATUS.txt', 'cluster.yaml.taken', 'photos']);
});

test('a card that is read-only: the node serves with what is on it, and says so', async () => {
  await sh(`mkdir -p /run/card /run/empty; printf '${CLUSTER}' >/run/card/cluster.yaml
    mount -t overlay -o lowerdir=/run/card:/run/empty overlay ${FIRMWARE}`);
  const said = await configure();
  expect(said).toContain('cluster.yaml was taken from the card.');
  expect(said).toContain('could not be removed from the card');
  expect(said).toMatch(/STATUS\.txt cannot be written: .*cannot be made writable/);
  await expectOnPage(/^attic: What was taken could not be removed from the card: /);
  await expectOnPage(/^attic: STATUS\.txt cannot be written: /);
});

test('a FAT partition that is not there: the node keeps what it had', async () => {
  await sh(`mount -t overlay -o lowerdir=/run/empty:/run/empty2 overlay ${FIRMWARE} 2>/dev/null ||
    { mkdir -p /run/empty2; mount -t overlay -o lowerdir=/run/empty:/run/empty2 overlay ${FIRMWARE}; }`);
  const said = await configure();
  expect(said).toContain('This node is attic.');
});

test('a card that is hardly larger than the image: STATUS.txt says how small its data is', async () => {
  await sh('mkdir -p /run/bramble-boot; echo a >/run/bramble-boot/slot');
  await sh('mkdir -p /data; mount -t tmpfs -o size=64m tmpfs /data');
  await configure();
  expect(await status()).toContain('There are only 67 MB for data: take a larger card.');
  await expectOnPage(/^attic: There are only 67 MB for data: take a larger card\.$/);
  // What has a slot was started from a card, and this one has no FAT partition.
  await expectOnPage(/^attic: The FAT partition of the card cannot be mounted/);
});

test('a cluster.yaml with errors: line and column are on the page, and gone with the errors', async () => {
  await sh(`umount /data; rm -rf /run/bramble-boot
    printf 'cluster:\\n  name: home\\n  secrt: x\\nnodes: []\\n' >${FIRMWARE}/cluster.yaml`);
  await configure();
  await expectOnPage(
    /^attic: The card's cluster\.yaml has errors .*cluster\.yaml:3:3: unknown key/,
  );
  await sh(`rm ${FIRMWARE}/cluster.yaml`);
  await configure();
  expect(await sh('cat /run/bramble-node/problems.json')).toBe('[]\n');
});

test('a Wi-Fi that is not there is told, and no longer once it is, without anybody asking', async () => {
  const wifi = 'wifis: { wlan0: { access-points: { home: { password: "12345678" } } } }';
  await sh(`echo '${wifi}' >${FIRMWARE}/network-config`);
  await configure();
  await expectOnPage(/^attic: Wi-Fi was asked for, and this board shows no Wi-Fi card\.$/);
  // In place of a card: a cable whose other end is down at first. What an image for a Pi has beside.
  await sh(`printf '[Match]\\nName=wlan0\\n[Network]\\nAddress=10.9.7.2/24\\n' >/etc/systemd/network/25-wireless.network
    networkctl reload; ip link add wlan0 type veth peer name air`);
  await expectOnPage(/^attic: Wi-Fi is not connected to "home"\./);
  await sh('ip link set air up');
  await eventually(
    'it is told no longer',
    async () => {
      return (await sh('cat /run/bramble-node/problems.json')) === '[]\n';
    },
    SOON,
  );
  expect(await status()).toMatch(/^Addresses: .*10\.9\.7\.2/m);
});

test('a clock that nobody has set is not earlier than the system', async () => {
  // systemd(1): the clock is never set earlier than the date of this file.
  const floor = Number(await sh('stat -c %Y /usr/lib/clock-epoch'));
  expect(floor).toBeGreaterThan(Date.UTC(2025, 0) / 1000);
  expect(floor).toBeLessThanOrEqual(Date.now() / 1000);
  expect(await sh('cat /etc/chrony/conf.d/bramble.conf')).toMatch(/^makestep 1 -1$/m);
});
