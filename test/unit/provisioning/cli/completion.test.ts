import { execFileSync, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { COMMANDS } from '../../../../provisioning/cli/run.ts';
import {
  bashCompletion,
  fishCompletion,
  zshCompletion,
} from '../../../../provisioning/completion/scripts.ts';
import { bramble } from '../../../support/dev.ts';

/** What bash would offer behind these words. */
function offered(...words: string[]): string[] {
  const script = `${bashCompletion(COMMANDS)}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bramble; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const told = execFileSync('bash', ['-c', script, 'bash', 'bramble', ...words], {
    encoding: 'utf8',
  });
  return told.split('\n').filter((line) => line !== '');
}

test('bash: commands, then the options of the one that was typed, then files', () => {
  expect(offered('val')).toEqual(['validate']);
  expect(offered('').sort()).toEqual(COMMANDS.map(({ name }) => name).sort());
  expect(offered('init', '--n')).toEqual(['--nodes', '--name']);
  expect(offered('validate', '--s')).toEqual(['--strict']);
  expect(offered('validate', '/etc/hostn')).toEqual(['/etc/hostname']);
  expect(offered('dev', '--config', '/etc/hostn')).toEqual(['/etc/hostname']);
  expect(offered('nothing', '--')).toEqual([]);
});

test('every command and option is in every script, and bash finds no fault in its own', () => {
  for (const script of [bashCompletion, zshCompletion, fishCompletion]) {
    const text = script(COMMANDS);
    for (const { name, options } of COMMANDS) {
      expect(text).toContain(name);
      for (const option of Object.keys(options)) expect(text).toContain(option);
    }
  }
  expect(spawnSync('bash', ['-n'], { input: bashCompletion(COMMANDS) }).status).toBe(0);
});

test('the command: an unknown shell names those that are known', async () => {
  expect(await bramble(['completion', 'tcsh'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('bash, zsh, fish'),
  });
});
