import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findProgram } from '../../../provisioning/dev/find-program.ts';

const SETUP = fileURLToPath(new URL('../../../provisioning/setup.sh', import.meta.url));
const PROGRAMS = [
  'nats-server',
  'haproxy',
  'mosquitto',
  'chromium',
  'openssl',
  'ping',
  'java',
  'mvn',
];

/** A root directory in which only the scripts below are installed. */
let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'bramble-setup-'));
  for (const dir of ['bin', 'usr/sbin', 'usr/share/fonts'])
    mkdirSync(path.join(root, dir), { recursive: true });
  for (const name of ['sh', 'find', 'head', 'rm', 'chmod', 'touch', 'kill']) {
    const found = findProgram(name);
    if (found) symlinkSync(found, path.join(root, 'bin', name));
  }
  program('apt-cache', 'exit 0');
});
afterEach(() => rmSync(root, { recursive: true }));

function program(name: string, script: string): void {
  const file = path.join(root, 'bin', name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

function setup(what: string, uid: number) {
  program('id', `echo ${uid}`);
  const env = { PATH: path.join(root, 'bin'), DPKG_ROOT: root };
  return spawnSync('/bin/sh', [SETUP, what], { encoding: 'utf8', env });
}

const policy = () => path.join(root, 'usr/sbin/policy-rc.d');
const calls = () =>
  existsSync(path.join(root, 'calls')) ? readFileSync(path.join(root, 'calls'), 'utf8') : '';

/** An apt-get that notes how it was called, whether daemons may start, and "installs". */
const APT = `
echo "$*" >>"$DPKG_ROOT/calls"
[ "$1" = update ] && exit 0
if [ -x "$DPKG_ROOT/usr/sbin/policy-rc.d" ]; then
  "$DPKG_ROOT/usr/sbin/policy-rc.d"; echo "policy says $?" >>"$DPKG_ROOT/calls"
fi
for name; do
  case $name in
    iputils-ping) name=ping ;;
    default-jre-headless) name=java ;;
    maven) name=mvn ;;
  esac
  case $name in
    fonts-*) touch "$DPKG_ROOT/usr/share/fonts/a.ttf" ;;
    [a-z]*) printf '#!/bin/sh\\n' >"$DPKG_ROOT/bin/$name"; chmod 755 "$DPKG_ROOT/bin/$name" ;;
  esac
done`;

test('where all is there it says and does nothing', () => {
  for (const name of PROGRAMS) program(name, '');
  program('apt-get', APT);
  writeFileSync(path.join(root, 'usr/share/fonts/a.ttf'), '');
  for (const what of ['run', 'kafka', 'test']) {
    expect(setup(what, 0)).toMatchObject({ status: 0, stdout: '', stderr: '' });
  }
  expect(calls()).toBe('');
});

test('without root it prints the line to run, with what is missing only', () => {
  program('apt-get', APT);
  program('haproxy', '');
  const { status, stderr } = setup('test', 1000);
  expect(status).toBe(77);
  expect(stderr).toContain(
    'sudo apt-get install -y --no-install-recommends nats-server mosquitto chromium fonts-dejavu-core openssl iputils-ping default-jre-headless maven\n',
  );
  expect(calls()).toBe('');
});

test('as root it installs what is missing while no daemon may start', () => {
  program('apt-get', APT);
  expect(setup('run', 0).status).toBe(0);
  expect(calls()).toBe('install -y --no-install-recommends nats-server -q\npolicy says 101\n');
  expect(existsSync(policy())).toBe(false);
  expect(setup('test', 0).status).toBe(0);
  expect(existsSync(path.join(root, 'bin/chromium'))).toBe(true);
});

test('a policy that was there before is left alone', () => {
  program('apt-get', APT);
  writeFileSync(policy(), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  expect(setup('run', 0).status).toBe(0);
  expect(calls()).toContain('policy says 0');
  expect(readFileSync(policy(), 'utf8')).toContain('exit 0');
});

test('interrupted or failing, it takes its policy away again', () => {
  program('apt-get', 'kill -TERM $PPID; exit 1');
  expect(setup('run', 0).status).toBe(143);
  expect(existsSync(policy())).toBe(false);
  program('apt-get', '[ "$1" = update ] || exit 100');
  expect(setup('run', 0).status).toBe(100);
  expect(existsSync(policy())).toBe(false);
});

test('package lists are fetched when they do not know a package', () => {
  program('apt-get', APT);
  program('apt-cache', 'exit 100');
  expect(setup('run', 0).status).toBe(0);
  expect(calls()).toMatch(/^update -q\ninstall /);
});

test('what builds an image is told by programs, whose packages have other names', () => {
  program('apt-get', APT);
  for (const name of ['mmdebstrap', 'arch-test', 'sqfstar', 'genimage', 'mkfs.vfat', 'mke2fs'])
    program(name, '');
  for (const name of ['xz', 'qemu-aarch64-static', 'update-binfmts']) program(name, '');
  const { status, stderr } = setup('image', 1000);
  expect(status).toBe(77);
  expect(stderr).toContain(
    'sudo apt-get install -y --no-install-recommends mtools qemu-system-arm\n',
  );
  for (const name of ['mcopy', 'qemu-system-aarch64']) program(name, '');
  expect(setup('image', 1000)).toMatchObject({ status: 0, stdout: '', stderr: '' });
});

test('what a workstation needs for ansible is told by its programs', () => {
  program('apt-get', APT);
  program('ansible-playbook', '');
  expect(setup('test-ansible', 1000).stderr).toContain(
    'sudo apt-get install -y --no-install-recommends openssh-client ansible-lint\n',
  );
  program('ssh', '');
  expect(setup('ansible', 1000)).toMatchObject({ status: 0, stdout: '', stderr: '' });
});

test('elsewhere than on Debian, and with a wrong word', () => {
  expect(setup('run', 0).status).toBe(69);
  expect(setup('walk', 0)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('run|kafka|test'),
  });
});
