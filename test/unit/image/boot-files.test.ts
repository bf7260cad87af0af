import { expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import {
  commandLine,
  configTxt,
  PLACEHOLDERS,
  partitionId,
} from '../../../image/build/boot-files.ts';

test('the firmware starts one slot, and the kernel finds the root that belongs to it', () => {
  expect(configTxt('b')).toMatch(/^os_prefix=b\/$/m);
  for (const line of configTxt('a').split('\n')) expect(line.length).toBeLessThan(99);
  expect(partitionId('0badcafe', 3)).toBe('0badcafe-03');
  const line = commandLine('0badcafe', 'a');
  expect(line.trimEnd().split('\n')).toHaveLength(1);
  expect(line).toContain(' root=PARTUUID=0badcafe-02 bramble.slot=a rootfstype=squashfs ro ');
});

test('Raspberry Pi Imager finds the files that it writes', () => {
  for (const name of ['cmdline.txt', 'user-data', 'network-config', 'meta-data'])
    expect(PLACEHOLDERS[name]).not.toBe('');
});

test('the example of a cluster.yaml is one', () => {
  expect(parseCluster(PLACEHOLDERS['cluster.yaml.example'] ?? '').nodes).toHaveLength(2);
});
