import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { findProgram } from '../../provisioning/dev/find-program.ts';
import { CHECKOUT } from '../support/dev.ts';

const ANSIBLE = path.join(CHECKOUT, 'ansible');
const PATIENCE = 300_000;

test.runIf(findProgram('ansible-lint'))(
  'ansible-lint has nothing to say in its production profile',
  () => {
    const { status, stdout, stderr } = spawnSync('ansible-lint', ['--offline', '-q', '-p'], {
      cwd: ANSIBLE,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
    });
    expect(stdout + stderr).toBe('');
    expect(status).toBe(0);
  },
  PATIENCE,
);

test.runIf(findProgram('ansible-playbook'))(
  'every playbook can be read',
  () => {
    const playbooks = readdirSync(path.join(ANSIBLE, 'playbooks'));
    expect(playbooks.length).toBeGreaterThan(5);
    const { status, stderr } = spawnSync(
      'ansible-playbook',
      ['--syntax-check', '-i', 'localhost,', ...playbooks.map((name) => `playbooks/${name}`)],
      { cwd: ANSIBLE, encoding: 'utf8' },
    );
    expect(stderr.replace(/\[WARNING\][^\n]*\n|^\s*\n/gm, '')).not.toContain('ERROR');
    expect(status).toBe(0);
  },
  PATIENCE,
);

test("what a role shares with the image is the image's own file", () => {
  const files = path.join(ANSIBLE, 'roles/base/files');
  const links = readdirSync(files).map((name) => path.join(files, name));
  expect(links.length).toBeGreaterThan(4);
  for (const link of links) {
    expect(lstatSync(link).isSymbolicLink(), link).toBe(true);
    expect(existsSync(link), link).toBe(true);
    expect(realpathSync(link)).toContain('/image/recipe/overlay/');
  }
});
