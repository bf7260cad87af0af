import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { bootVirtualPi, type VirtualPi } from '../image/virtual-pi.ts';

const run = promisify(execFile);

export interface LabNode {
  name: string;
  address: string;
  pi: VirtualPi;
}

/** Virtual Pis on a bridge, which this process reaches over ssh as ansible does. */
export interface ProvisionLab {
  nodes: readonly LabNode[];
  /** Private key that root's account on each node knows. */
  key: string;
  /** A directory of its own. */
  work: string;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface LabOptions {
  /** Tar file of the system. */
  tar: string;
  names: readonly string[];
  /** What each node runs from the start; undefined: nothing of ours is on it. */
  release: string | undefined;
  /** Takes away what the image brings beside the release: a Debian as anybody has it. */
  stock?: boolean;
}

/** Boots them side by side. Needs root. */
export async function bootLab(options: LabOptions): Promise<ProvisionLab> {
  const work = await mkdtemp(path.join(tmpdir(), 'bramble-lab-'));
  const bridge = `lab${process.pid}`.slice(0, 15);
  const net = process.pid % 250;
  const key = path.join(work, 'key');
  const nodes: LabNode[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(nodes.map(({ pi }) => pi[Symbol.asyncDispose]()));
    await run('ip', ['link', 'del', bridge]).catch(() => undefined);
    await rm(work, { recursive: true, force: true });
  };
  try {
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const known = await readFile(`${key}.pub`, 'utf8');
    await run('ip', ['link', 'add', bridge, 'type', 'bridge']);
    await run('ip', ['addr', 'add', `198.19.${net}.254/24`, 'dev', bridge]);
    await run('ip', ['link', 'set', bridge, 'up']);
    const boots = options.names.map(async (name, index) => {
      const address = `198.19.${net}.${index + 1}`;
      const pi = await bootVirtualPi(options.tar, (root) =>
        prepare(root, name, address, known, options),
      );
      nodes.push({ name, address, pi });
      const card = `${bridge}n${index}`.slice(-15);
      await pi.run(
        'ip',
        ['link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', card, 'netns', String(process.pid)],
        'net',
      );
      await run('ip', ['link', 'set', card, 'master', bridge, 'up']);
      await pi.run('ip', ['addr', 'replace', `${address}/24`, 'dev', 'eth0'], 'net');
      await pi.run('ip', ['link', 'set', 'eth0', 'up'], 'net');
    });
    const settled = await Promise.allSettled(boots);
    for (const boot of settled) if (boot.status === 'rejected') throw boot.reason;
    nodes.sort((a, b) => a.name.localeCompare(b.name));
    return { nodes, key, work, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function prepare(
  root: string,
  name: string,
  address: string,
  key: string,
  options: LabOptions,
): Promise<void> {
  const at = (file: string): string => path.join(root, file);
  await writeFile(at('etc/hostname'), `${name}\n`);
  await mkdir(at('etc/ssh/authorized_keys.d'), { recursive: true });
  await writeFile(at('etc/ssh/authorized_keys.d/root'), key);
  await mkdir(at('root/.ssh'), { recursive: true, mode: 0o700 });
  await writeFile(at('root/.ssh/authorized_keys'), key, { mode: 0o600 });
  await writeFile(
    at('etc/systemd/network/10-lab.network'),
    `[Match]\nName=eth0\n[Network]\nAddress=${address}/24\n`,
  );
  await rm(at('opt/bramble'), { recursive: true, force: true });
  await mkdir(at('opt/bramble/releases'), { recursive: true });
  if (options.release !== undefined) {
    const release = path.basename(options.release);
    await cp(options.release, at(`opt/bramble/releases/${release}`), { recursive: true });
    await symlink(`releases/${release}`, at('opt/bramble/current'));
  }
  if (options.stock !== true) return;
  await rm(at('usr/lib/bramble'), { recursive: true });
  for (const place of [
    'usr/lib/systemd/system',
    'usr/lib/systemd/system/multi-user.target.wants',
    'usr/lib/systemd/system/bramble.target.wants',
    'etc/systemd/system/multi-user.target.wants',
    'usr/local/bin',
    'usr/lib/sysusers.d',
    'usr/lib/tmpfiles.d',
  ]) {
    if (!existsSync(at(place))) continue;
    for (const file of readdirSync(at(place))) {
      if (file.startsWith('bramble') && !file.endsWith('.wants'))
        await unlink(at(path.join(place, file)));
    }
  }
  for (const file of ['etc/passwd', 'etc/shadow', 'etc/group', 'etc/gshadow']) {
    const text = await readFile(at(file), 'utf8');
    await writeFile(at(file), text.replace(/^bramble.*\n/gm, ''));
  }
  await rm(at('etc/bramble'), { recursive: true, force: true });
}

/** Whether this machine can run one: root, namespaces, ansible and ssh. */
export function canProvision(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('unshare', ['-m', '--net', 'true'], { stdio: 'ignore' });
    execFileSync('ansible-playbook', ['--version'], { stdio: 'ignore' });
    execFileSync('ssh', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
