import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { newCluster } from '../../../../provisioning/init/cluster-text.ts';
import { lineDiff } from '../../../../provisioning/node/diff.ts';
import { MASK, maskSecrets } from '../../../../provisioning/node/mask.ts';
import { renderNode } from '../../../../provisioning/render/node.ts';

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}\n`).join('');

test('a diff shows what changed with two lines around it', () => {
  expect(lineDiff('a\nb\n', 'a\nb\n')).toBe('');
  expect(lineDiff('', 'a\n')).toBe('+a');
  expect(lineDiff('a\n', '')).toBe('-a');
  const before = numbered(1, 30);
  const after = before.replace('line 10\n', 'line ten\n').replace('line 25\n', '');
  expect(lineDiff(before, after).split('\n')).toEqual([
    ' line 8',
    ' line 9',
    '-line 10',
    '+line ten',
    ' line 11',
    ' line 12',
    '…',
    ' line 23',
    ' line 24',
    '-line 25',
    ' line 26',
    ' line 27',
  ]);
});

test('without the lines that were taken away a diff is the new text, without the new ones the old', () => {
  const lines = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 });
  fc.assert(
    fc.property(lines, lines, (a, b) => {
      const text = (list: string[]) => list.map((line) => `${line}\n`).join('');
      const diff = lineDiff(text(a), text(b))
        .split('\n')
        .filter((line) => line !== '' && line !== '…');
      const count = (step: string) => diff.filter((line) => line.startsWith(step)).length;
      expect(count('+') - count('-')).toBe(b.length - a.length);
      const gone = diff.filter((line) => line.startsWith('-')).map((line) => line.slice(1));
      for (const line of gone) expect(a).toContain(line);
    }),
    { numRuns: 300 },
  );
});

test('two large texts that have nothing in common cost no table', () => {
  const [a, b] = [numbered(1, 5_000), numbered(10_001, 15_000)];
  expect(lineDiff(a, b).split('\n')).toHaveLength(10_000);
});

test('no secret of a cluster.yaml and of what is rendered from it is left', () => {
  const text = newCluster({
    name: 'home',
    nodes: [1, 2, 3].map((i) => ({ name: `pi${i}`, address: `10.0.0.${i}` })),
    vip: '10.0.0.9',
    user: 'owner',
  }).replace(
    /# kafka:[\s\S]*$/,
    'kafka: { bootstrap: ["10.0.0.20:9092"] }\nbridge: { toKafka: [{ name: a, filters: ["#"], topic: t }] }\n',
  );
  const cluster = parseCluster(text);
  const files = renderNode({
    cluster,
    clusterFile: '/etc/bramble/cluster.yaml',
    name: 'pi1',
    by: 'bramble render',
    natsSyncInterval: true,
  });
  const all = [text, ...files.values()].join('\n');
  const shown = maskSecrets(all);
  const key = /PRIVATE KEY-----\n(.+)\n/.exec(all)![1]!;
  const own = [
    key,
    cluster.cluster.secret,
    cluster.mqtt.users[0]!.password!,
    cluster.balancer.stats!.password,
  ];
  const derived = [...all.matchAll(/\b[0-9a-f]{64}\b/g)].map(([hash]) => hash);
  expect(new Set(derived).size).toBeGreaterThan(3);
  for (const secret of [...own, ...derived]) {
    expect(all).toContain(secret);
    expect(shown).not.toContain(secret);
  }
  expect(shown).toContain(MASK);
  expect(shown).toContain('10.0.0.2');
  expect(shown.split('\n')).toHaveLength(all.split('\n').length);
});

test.each([
  'password: hunter2',
  '  password: "two words"',
  "password: 'it is'",
  '{ name: a, password: hunter2, b: { secret: hunter2 } }',
  '"token":"hunter2"',
  'nats://client:hunter2@10.0.0.1:4222',
  "stats auth 'owner:hunter2'",
  'user a insecure-password hunter2',
  'auth_pass hunter2',
  'secret: hunter2',
  'password: a, hunter2',
  'password: $argon2id$v=19$m=1,t=1,p=1$aa$bb',
])('%s', (line) => {
  for (const secret of ['hunter2', 'two words', 'it is', '$aa$bb'])
    expect(maskSecrets(line)).not.toContain(secret);
});
