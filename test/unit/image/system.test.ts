import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { piPorts } from '#core/contracts/ports.ts';
import { linesOf, readRecipe, recipeHash } from '../../../image/build/recipe.ts';
import { unitFiles, wantedBy } from '../../../image/build/system.ts';

const CHECKOUT = fileURLToPath(new URL('../../..', import.meta.url));

test('every user that a unit runs as is made by the image', async () => {
  const layers = ['common/usr/lib/sysusers.d/bramble.conf', 'kafka/usr/lib/sysusers.d/kafka.conf'];
  const texts = layers.map((file) =>
    readFile(path.join(CHECKOUT, 'image/recipe/overlay', file), 'utf8'),
  );
  const sysusers = (await Promise.all(texts)).join('');
  const units = await unitFiles(CHECKOUT);
  expect(units.length).toBeGreaterThanOrEqual(6);
  for (const unit of units) {
    const text = await readFile(path.join(CHECKOUT, unit), 'utf8');
    for (const [, user] of text.matchAll(/^User=(?!root$)(.*)$/gm))
      expect(sysusers, unit).toMatch(new RegExp(`^u ${user} `, 'm'));
    // A user has a group of the same name.
    for (const [, group] of text.matchAll(/^Group=(.*)$/gm))
      expect(sysusers, unit).toMatch(new RegExp(`^[gu] ${group} `, 'm'));
    expect(wantedBy(text), unit).toHaveLength(1);
  }
});

test('what is only started with a configuration waits until the card was read', async () => {
  const unit = 'image/recipe/overlay/common/usr/lib/systemd/system/bramble-configure.service';
  const before = /^Before=(.*)$/m.exec(await readFile(path.join(CHECKOUT, unit), 'utf8'))?.[1];
  const units = await unitFiles(CHECKOUT);
  let waiting = 0;
  for (const file of units) {
    const text = await readFile(path.join(CHECKOUT, file), 'utf8');
    if (!/^ConditionPathExists=\/etc\/bramble\//m.test(text)) continue;
    const ordered =
      before?.split(' ').includes(path.basename(file)) ||
      /^After=.*\bbramble-configure\.service\b/m.test(text);
    expect(ordered, file).toBe(true);
    waiting += 1;
  }
  expect(waiting).toBeGreaterThanOrEqual(7);
});

test('who wants a unit is told by its [Install] section', () => {
  expect(wantedBy('[Unit]\nWants=x.target\n[Install]\nWantedBy=a.target b.target\n')).toEqual([
    'a.target',
    'b.target',
  ]);
  expect(wantedBy('[Unit]\n')).toEqual([]);
});

test('lists of packages are plain, and no package is there twice', async () => {
  expect(linesOf('# about\napt # why\n\n')).toEqual(['apt']);
  const { packages } = await readRecipe('pi', 'arm64');
  expect(new Set(packages).size).toBe(packages.length);
  for (const name of packages) expect(name).toMatch(/^[a-z0-9][a-z0-9+.-]+$/);
  expect(packages).toContain('linux-image-arm64');
  expect((await readRecipe('virtual', 'x64')).packages).not.toContain('linux-image-arm64');
});

test('the cache knows another recipe from this one', async () => {
  const pi = await recipeHash(await readRecipe('pi', 'arm64'), []);
  expect(await recipeHash(await readRecipe('pi', 'arm64'), [])).toBe(pi);
  expect(await recipeHash(await readRecipe('virtual', 'arm64'), [])).not.toBe(pi);
  expect(await recipeHash(await readRecipe('pi', 'arm64'), ['another mirror'])).not.toBe(pi);
});

test('nothing in the overlay names a key, a password or a machine', async () => {
  const overlay = path.join(CHECKOUT, 'image/recipe/overlay');
  const entries = await readdir(overlay, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  expect(files.length).toBeGreaterThan(20);
  for (const { parentPath, name } of files) {
    const text = await readFile(path.join(parentPath, name), 'utf8');
    expect(text, name).not.toMatch(/PRIVATE KEY|ssh-(rsa|ed25519) |psk=|\$6\$|\$y\$/);
  }
});

test('the firewall of the image lets in what nodes and clients of any cluster need', async () => {
  const file = 'image/recipe/overlay/common/etc/nftables.conf';
  const text = await readFile(path.join(CHECKOUT, file), 'utf8');
  const lists = [...text.matchAll(/tcp dport \{([^}]*)\} accept/g)];
  const open = lists.flatMap(([, list = '']) => list.split(',').map(Number));
  const { mqtt, connectors, websocket, mqttTls, websocketTls, page, stats, kafka, nodes } =
    piPorts(1);
  const own = nodes[0]!;
  const needed = [
    ...[mqtt, connectors, websocket, mqttTls, websocketTls, page, stats],
    ...[own.mqtt, own.websocket, own.mqttTls, own.websocketTls, own.natsRoute],
    ...Object.values(kafka),
  ];
  expect(needed.filter((port) => !open.includes(port))).toEqual([]);
});
