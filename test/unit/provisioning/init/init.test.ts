import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { readNodes } from '../../../../provisioning/cli/init.ts';
import { askFor, withDefaults } from '../../../../provisioning/init/ask.ts';
import { type InitAnswers, newCluster } from '../../../../provisioning/init/cluster-text.ts';
import { bramble } from '../../../support/dev.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'bramble-init-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const THREE = 'pi1=192.168.1.11,pi2=192.168.1.12,pi3=192.168.1.13';

describe('the file', () => {
  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
  test('says what was answered, whatever the names are, and is never twice the same', () => {
    // Nodes and their virtual address are of one kind.
    const addresses = (six: boolean) =>
      fc.record({
        name: label,
        user: fc.string({ minLength: 1, maxLength: 30 }).filter((text) => !/\p{Cs}/u.test(text)),
        nodes: fc
          .uniqueArray(label, { minLength: 1, maxLength: 6 })
          .map((names) =>
            names.map((name, i) => ({ name, address: `${six ? 'fd00::' : '10.0.0.'}${i + 1}` })),
          ),
        vip: fc.constantFrom(undefined, six ? 'fd00::200' : '10.0.0.200'),
      });
    const answers = fc.boolean().chain(addresses);
    fc.assert(
      fc.property(answers, (given) => {
        const text = newCluster(given);
        const read = parseCluster(text);
        expect(read.cluster.name).toBe(given.name);
        expect(read.nodes.map(({ name, address }) => ({ name, address }))).toEqual(given.nodes);
        expect(read.vip).toEqual(parseCluster(newCluster(given)).vip);
        expect(read.mqtt.users[0]).toMatchObject({ name: given.user, admin: true });
        expect(newCluster(given)).not.toBe(text);
        expect(read.cluster.secret).not.toContain(read.mqtt.users[0]?.password);
      }),
      { numRuns: 100 },
    );
  });
});

describe('questions', () => {
  async function answer(lines: string[], given = {}): Promise<{ got: InitAnswers; said: string }> {
    const [input, output] = [new PassThrough(), new PassThrough()];
    let said = '';
    output.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    input.end(`${lines.join('\n')}\n`);
    const problem = ({ nodes, name }: InitAnswers) =>
      nodes.some(({ address }) => !address.startsWith('10.')) || name === 'X'
        ? 'no good'
        : undefined;
    return { got: await askFor({ input, output, given, problem }), said };
  }

  test('defaults, and a wrong answer is asked for again with the reason', async () => {
    const { got, said } = await answer([
      'X',
      '',
      '',
      'here',
      '',
      '10.0.0.1',
      '',
      '10.0.0.2',
      'attic',
      '',
      '10.0.0.9',
      '',
    ]);
    expect(got).toEqual({
      name: 'home',
      nodes: [
        { name: 'pi1', address: '10.0.0.1' },
        { name: 'attic', address: '10.0.0.2' },
      ],
      vip: '10.0.0.9',
      user: 'owner',
    });
    expect(said.match(/no good/g)).toHaveLength(2);
  });

  test('what is given is not asked for', async () => {
    const given = { name: 'a', nodes: [{ name: 'b', address: '10.0.0.1' }], user: 'c' };
    const { got, said } = await answer([], given);
    expect(got).toEqual({ ...given, vip: undefined });
    expect(said).toBe('');
  });

  test('answers that end early are an error, not a half cluster', async () => {
    await expect(answer(['home', '10.0.0.1'])).rejects.toThrow('ended early');
  });
});

test('nodes on the command line, and without them', () => {
  expect(readNodes('a=10.0.0.1, 10.0.0.2')).toEqual([
    { name: 'a', address: '10.0.0.1' },
    { name: 'pi2', address: '10.0.0.2' },
  ]);
  for (const wrong of ['', 'a=', '=b', 'a=b=c', 'a=10.0.0.1,']) {
    expect(() => readNodes(wrong), wrong).toThrow('no name=address');
  }
  expect(() => withDefaults({})).toThrow('which nodes');
});

test('the command: only its owner may read the file, no secret is shown, nothing is overwritten', async () => {
  const file = path.join(dir, 'one.yaml');
  const made = await bramble(['init', file, '--nodes', THREE, '--vip', '192.168.1.10']);
  expect(made).toMatchObject({ code: 0, err: '' });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const text = readFileSync(file, 'utf8');
  const { cluster, mqtt, balancer } = parseCluster(text);
  for (const secret of [cluster.secret, mqtt.users[0]!.password!, balancer.stats!.password]) {
    expect(made.out).not.toContain(secret);
  }
  expect(await bramble(['validate', file, '--strict'])).toMatchObject({ code: 0, err: '' });
  const again = await bramble(['init', file, '--nodes', THREE]);
  expect(again).toMatchObject({ code: 73, err: expect.stringContaining('is there already') });
  expect(readFileSync(file, 'utf8')).toBe(text);
});

test('the command: nothing is written for what no cluster can be', async () => {
  const file = path.join(dir, 'two.yaml');
  const run = (...args: string[]) => bramble(['init', file, ...args]);
  expect(await run('--nodes', 'a=10.0.0.1,b=10.0.0.1')).toMatchObject({
    code: 2,
    err: expect.stringContaining('is taken by nodes.0'),
  });
  expect(await run('--nodes', 'a=10.0.0.1', '--vip', '10.0.0.1')).toMatchObject({ code: 2 });
  expect(await run('--json')).toMatchObject({ code: 2, err: expect.stringContaining('--nodes') });
  expect(() => statSync(file)).toThrow('ENOENT');
  writeFileSync(path.join(dir, 'plain'), '');
  const under = path.join(dir, 'plain', 'cluster.yaml');
  expect(await bramble(['init', under, '--nodes', THREE])).toMatchObject({ code: 73 });
  const json = await run('--nodes', 'a=10.0.0.1,b=10.0.0.2', '--json');
  expect(JSON.parse(json.out)).toMatchObject({ file, warnings: [{ line: 17 }, { line: 17 }] });
});
