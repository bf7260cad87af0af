import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';

const readme = readFileSync('README.md', 'utf8');

test("the README's cluster.yaml is valid", () => {
  const blocks = [...readme.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text!);
  const [cluster] = blocks.filter((text) => text.startsWith('cluster:'));
  expect(parseCluster(cluster!).nodes).toHaveLength(2);
});

test("the README's mappings to and from Kafka are valid", () => {
  const blocks = [...readme.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text!);
  const [kafka] = blocks.filter((text) => text.startsWith('kafka:'));
  const head =
    'cluster: { name: a, secret: 0123456789abcdef }\nnodes: [{ name: a, address: 10.0.0.1 }]\n';
  const { bridge } = parseCluster(head + kafka!);
  expect(bridge?.toKafka).toHaveLength(1);
  expect(bridge?.toMqtt).toHaveLength(1);
});

test('every file that the README links to is there', () => {
  const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, target]) => target!);
  expect(links.length).toBeGreaterThan(0);
  for (const link of links) expect(existsSync(link), link).toBe(true);
});

test('every make target that the README names exists', () => {
  const known = execFileSync('make', ['help'], { encoding: 'utf8' });
  for (const [, target] of readme.matchAll(/`?make ([a-z-]+)/g)) {
    expect(known).toContain(`make ${target} `);
  }
});
