import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ConfigError } from '#core/config/yaml-file.ts';
import { judgeCluster } from '../../../../provisioning/validate/advice.ts';
import { bramble } from '../../../support/dev.ts';

const HEAD = 'cluster: { name: home, secret: 0123456789abcdef }\n';
const USERS = 'mqtt: { users: [{ name: a, password: long-enough }] }\n';

const nodes = (...list: string[]): string =>
  `${HEAD}nodes:\n${list.map((node) => `  - { ${node} }\n`).join('')}`;
const plain = (count: number, role = '') =>
  nodes(...Array.from({ length: count }, (_, i) => `name: n${i}, address: 10.0.0.${i + 1}${role}`));

/** `line:column: text` of everything that stops it. */
function errors(text: string): string[] {
  try {
    judgeCluster(text, 'f');
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ line, column, message }) => `${line}:${column}: ${message}`);
  }
}
const warnings = (text: string): string[] =>
  judgeCluster(text, 'f').warnings.map(({ line, message }) => `${line}: ${message}`);

test.each([
  [
    'one address twice',
    nodes('name: a, address: 10.0.0.1', 'name: b, address: 10.0.0.1'),
    '4:25: nodes.1.address: "10.0.0.1" is taken by nodes.0',
  ],
  [
    'one name twice',
    nodes('name: a, address: 10.0.0.1', 'name: a, address: 10.0.0.2'),
    '4:13: nodes.1.name: "a" is taken',
  ],
  [
    'one address in two spellings',
    nodes('name: a, address: "fd00::1"', 'name: b, address: "FD00:0::1"'),
    '4:25: nodes.1.address: FD00:0::1 is the address of nodes.0',
  ],
  [
    'the node itself',
    nodes('name: a, address: 10.0.0.1', 'name: b, address: 127.0.0.1'),
    '4:25: nodes.1.address: 127.0.0.1 is the node itself',
  ],
  ['multicast', nodes('name: a, address: 224.0.0.18'), '3:25: nodes.0.address: no machine'],
  ['no address', nodes('name: a, address: 0.0.0.0'), '3:25: nodes.0.address: no machine'],
  [
    'an unknown role',
    nodes('name: a, address: 10.0.0.1, roles: [brocker]'),
    '3:43: nodes.0.roles.0:',
  ],
  [
    'a role twice',
    nodes('name: a, address: 10.0.0.1, roles: [broker, balancer, broker]'),
    '3:61: nodes.0.roles.2: broker is there twice',
  ],
  [
    'no broker',
    nodes('name: a, address: 10.0.0.1, roles: [balancer]'),
    'no node has the role "broker"',
  ],
  [
    'no balancer',
    nodes('name: a, address: 10.0.0.1, roles: [broker]'),
    'no node has the role "balancer"',
  ],
  [
    'a bridge without its log',
    nodes('name: a, address: 10.0.0.1', 'name: b, address: 10.0.0.2, roles: [bridge]'),
    'a bridge reads the log of its own node',
  ],
  ['a vip that a node has', `${plain(3)}vip: 10.0.0.2\n`, '6:6: vip'],
  ['an unknown key', `${plain(3)}vipp: 10.0.0.9\n`, '6:1: unknown key "vipp"; did you mean "vip"?'],
  [
    'a host name as address',
    nodes('name: a, address: pi1.local'),
    '3:25: nodes.0.address: not an IPv4',
  ],
  [
    'a short secret',
    'cluster: { name: home, secret: abc }\nnodes: [{ name: a, address: 10.0.0.1 }]\n',
    '1:32: cluster.secret: at least 16',
  ],
  ['no YAML', 'nodes: [\n', '2:1:'],
])('an error: %s', (_what, text, message) => {
  expect(errors(text).join('\n')).toContain(message);
});

test.each([
  ['two brokers', plain(2), '2', 'two brokers'],
  ['an even number of brokers', plain(4), '3', '4 brokers survive no more deaths than 3'],
  ['two Kafka nodes', plain(2, ', roles: [balancer, broker, kafka]'), '2', 'two Kafka nodes'],
  ['five Kafka nodes', plain(5, ', roles: [balancer, broker, kafka]'), '3', 'three copies at most'],
  [
    'Kafka without a login',
    plain(1, ', roles: [balancer, broker, kafka]'),
    '3',
    'whoever reaches port 9092',
  ],
  ['no vip', plain(3), '3', 'no vip'],
  [
    'one balancer only',
    `${nodes('name: a, address: 10.0.0.1', 'name: b, address: 10.0.0.2, roles: [broker]', 'name: c, address: 10.0.0.3, roles: [broker]')}vip: 10.0.0.9\n`,
    '6',
    'only one node is a balancer',
  ],
  [
    'another network',
    `${nodes('name: a, address: 10.0.0.1', 'name: b, address: 10.0.1.2', 'name: c, address: 10.0.0.3')}vip: 10.0.0.9\n`,
    '4',
    '10.0.1.2 seems to be in another network',
  ],
  ['nobody can log in', plain(1), '1', 'no client can log in'],
  ['everybody can', `${plain(1)}mqtt: { anonymous: true }\n`, '4', 'whoever reaches the port'],
  [
    'a password that everybody tries',
    `${plain(1)}mqtt: { users: [{ name: a, password: changeme1 }] }\n`,
    '4',
    'everybody tries first',
  ],
  [
    'a short one',
    `${plain(1)}${USERS}balancer: { stats: { user: a, password: abc } }\n`,
    '5',
    'shorter than 8',
  ],
])('a warning: %s', (_what, text, _line, message) => {
  expect(warnings(text).join('\n')).toContain(message);
});

test('nothing to say', () => {
  expect(warnings(`${plain(3)}${USERS}vip: 10.0.0.9\n`)).toEqual([]);
  expect(
    warnings(`${nodes('name: a, address: 127.0.0.1', 'name: b, address: 127.0.0.1')}${USERS}`),
  ).toEqual([]);
  const hash = '$scrypt$ln=14,r=8,p=1$AAAA$BBBB';
  expect(warnings(`${plain(1)}mqtt: { users: [{ name: a, password: '${hash}' }] }\n`)).toEqual([]);
});

test('whatever the file holds, it is judged or refused with a place', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.constantFrom(
          ...HEAD,
          'nodes: ',
          '- ',
          '{',
          '}',
          ': ',
          'name',
          '\n',
          '  ',
          '10.0.0.1',
          'roles',
          '[]',
          '*a',
          '&a',
          '"',
        ),
      ),
      (parts) => {
        for (const line of errors(parts.join(''))) expect(line).toMatch(/^[1-9]\d*:[1-9]\d*: /);
      },
    ),
    { numRuns: 500 },
  );
});

test('the command: warnings on err, as JSON, and as errors where asked', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'bramble-validate-'));
  const file = path.join(dir, 'cluster.yaml');
  writeFileSync(file, plain(2) + USERS);
  expect(await bramble(['validate', file])).toMatchObject({
    code: 0,
    out: expect.stringContaining('valid: cluster "home", 2 nodes'),
    err: expect.stringContaining(`${file}:3:3: warning: two brokers`),
  });
  expect(await bramble(['validate', file, '--strict'])).toMatchObject({ code: 78, out: '' });
  const { code, out } = await bramble(['validate', file, '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    valid: true,
    problems: [],
    warnings: [{ line: 3 }, { line: 3 }],
  });
  await rm(dir, { recursive: true });
});
