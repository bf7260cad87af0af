import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Command } from '../../../../provisioning/cli/command.ts';
import { commandHelp, overview } from '../../../../provisioning/cli/help.ts';
import { findCommand, parseInvocation } from '../../../../provisioning/cli/parse.ts';
import { COMMANDS } from '../../../../provisioning/cli/run.ts';
import { newClusterYaml } from '../../../../provisioning/dev/cluster-file.ts';
import { bramble } from '../../../support/dev.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'bramble-cli-'));
afterAll(() => rmSync(dir, { recursive: true }));

const command: Command = {
  name: 'try',
  summary: 'Try',
  positionals: ['FILE'],
  options: {
    count: { type: 'number', value: 'N', min: 1, max: 9, text: '' },
    name: { type: 'string', value: 'NAME', text: '' },
    fast: { type: 'flag', text: '' },
  },
  examples: [],
  run: async () => 0,
};

describe('parsing', () => {
  test('options before, after and with =, and what follows --', () => {
    expect(parseInvocation(command, ['--count=3', 'x', '--fast'])).toEqual({
      values: { count: 3, fast: true },
      positionals: ['x'],
    });
    expect(parseInvocation(command, ['--name', 'a b', '--', '--fast'])).toEqual({
      values: { name: 'a b' },
      positionals: ['--fast'],
    });
  });

  test.each([
    [['x', '--cuont', '3'], 'unknown option "--cuont"', 'did you mean "--count"?'],
    [['x', '--qqqqqqq'], 'unknown option "--qqqqqqq"', 'known options: --count'],
    [['x', '-f'], 'unknown option "-f"', 'known options'],
    [['x', '--count'], '--count needs a value', '--count N'],
    [['x', '--count', '0'], 'a whole number from 1 to 9', '--count 1'],
    [['x', '--count', '3.5'], 'a whole number from 1 to 9', '--count 1'],
    [['x', '--count', '1e1'], 'a whole number from 1 to 9', '--count 1'],
    [['x', '--name='], '--name needs a value', '--name NAME'],
    [['x', '--fast=no'], '--fast takes no value', '--fast'],
    [[], 'FILE is missing', 'bramble try FILE'],
    [['x', 'y'], 'unexpected argument "y"', 'bramble try FILE'],
  ])('%j: %s', (args, message, hint) => {
    const failing = () => parseInvocation(command, args);
    expect(failing).toThrow(message);
    expect(failing).toThrow(expect.objectContaining({ code: 'BRAMBLE_USAGE' }));
    expect(failing).toThrow(expect.objectContaining({ hint: expect.stringContaining(hint) }));
  });

  test('an unknown command names the nearest', () => {
    const failing = () => findCommand(COMMANDS, 'validat');
    expect(failing).toThrow(expect.objectContaining({ hint: 'did you mean "validate"?' }));
  });
});

test('help names every command, and each its options and examples', () => {
  for (const each of COMMANDS) {
    expect(overview(COMMANDS)).toContain(each.summary);
    const text = commandHelp(each);
    for (const option of Object.keys(each.options)) expect(text).toContain(`--${option}`);
    expect(each.examples.length).toBeGreaterThan(0);
    for (const { line } of each.examples) expect(text).toContain(line);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  }
});

test('the examples of every command are understood by it', () => {
  for (const each of COMMANDS) {
    for (const { line } of each.examples) {
      const [program, name, ...args] = line.split(' ');
      expect(program).toBe('bramble');
      expect(name).toBe(each.name);
      parseInvocation(each, args);
    }
  }
});

describe('the command', () => {
  test('version, help and their other spellings', async () => {
    const version = await bramble(['version', '--json']);
    expect(JSON.parse(version.out)).toEqual({
      bramble: expect.stringMatching(/^\d/),
      node: process.versions.node,
    });
    const [long, none, help] = await Promise.all([
      bramble(['--version']),
      bramble([]),
      bramble(['help', 'dev']),
    ]);
    expect(long.out).toMatch(/^bramble \d/);
    expect(none.out).toContain('Usage: bramble COMMAND');
    expect(help.out).toContain('--base-port');
  });

  test('wrong lines end with 2 and leave stdout alone', async () => {
    const results = await Promise.all([bramble(['dve']), bramble(['dev', '--nodes', '0'])]);
    for (const { code, out, err } of results) {
      expect([code, out]).toEqual([2, '']);
      expect(err).toMatch(/^bramble: /);
    }
  });

  test('validate tells file, line and column, for people and as JSON', async () => {
    const good = path.join(dir, 'good.yaml');
    const bad = path.join(dir, 'bad.yaml');
    writeFileSync(good, newClusterYaml(3));
    writeFileSync(bad, newClusterYaml(3).replace('address: 127.0.0.1', 'adress: 127.0.0.1'));
    const [fine, words, json, missing] = await Promise.all([
      bramble(['validate', good]),
      bramble(['validate', bad]),
      bramble(['validate', bad, '--json']),
      bramble(['validate', path.join(dir, 'none.yaml')]),
    ]);
    expect(fine).toMatchObject({ code: 0, out: 'valid: cluster "dev", 3 nodes, 1 MQTT user\n' });
    expect(words).toMatchObject({ code: 78, out: '' });
    expect(words.err).toContain(`${bad}:11:`);
    expect(words.err).toContain('did you mean "address"?');
    expect(json.code).toBe(78);
    expect(JSON.parse(json.out).problems[0]).toMatchObject({ file: bad, line: 11 });
    expect(missing).toMatchObject({ code: 78 });
    expect(missing.err).toContain('no such file');
  });
});
