import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { bootVirtualPi, type VirtualPi } from '../image/virtual-pi.ts';
import { eventually } from './broker.ts';

const run = promisify(execFile);
const SSH = 22;
const SSH_PATIENCE = 60_000;
export const IMAGE = 'of the image';

export interface LabNode {
  name: string;
  address: string;
  pi: VirtualPi;
}

export interface LabOptions {
  /** Tar file of the system. */
  tar: string;
  /** What each node runs from the start; undefined: nothing of ours is on it; or what its image has. */
  release: string | typeof IMAGE | undefined;
  /** Takes away what the image brings beside the release: a Debian as anybody has it. */
  stock?: boolean;
  /** More for the disk of each. */
  furnish?: (root: string, name: string) => Promise<void>;
}

/** Virtual Pis on a bridge, which this process reaches over ssh as ansible does. */
export class ProvisionLab {
  /** Those that are on, by name. */
  readonly nodes: LabNode[] = [];
  /** Private key that root's account on each node knows. */
  readonly key: string;
  /** A directory of its own. */
  readonly work: string;
  /** An address that no node has. */
  readonly vip: string;
  readonly #options: LabOptions;
  readonly #bridge: string;
  readonly #net: number;
  #cards = 0;

  private constructor(work: string, options: LabOptions) {
    this.work = work;
    this.key = path.join(work, 'key');
    this.#options = options;
    this.#bridge = `lab${process.pid}`.slice(0, 15);
    this.#net = process.pid % 250;
    this.vip = this.address(100);
  }

  /** A bridge without nodes. Needs root. */
  static async open(options: LabOptions): Promise<ProvisionLab> {
    const lab = new ProvisionLab(await mkdtemp(path.join(tmpdir(), 'bramble-lab-')), options);
    try {
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', lab.key]);
      await run('ip', ['link', 'add', lab.#bridge, 'type', 'bridge']);
      await run('ip', ['addr', 'add', `${lab.address(254)}/24`, 'dev', lab.#bridge]);
      await run('ip', ['link', 'set', lab.#bridge, 'up']);
      return lab;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  address(last: number): string {
    return `198.19.${this.#net}.${last}`;
  }

  /** Of `pi1` it is `address(1)`. */
  addressOf(name: string): string {
    return this.address(Number(name.replace(/\D+/g, '')));
  }

  /** Boots machines side by side, pi1 at `address(1)` and so on. */
  async boot(...names: readonly string[]): Promise<void> {
    const settled = await Promise.allSettled(names.map((name) => this.#boot(name)));
    for (const boot of settled) if (boot.status === 'rejected') throw boot.reason;
    this.nodes.sort((a, b) => a.name.localeCompare(b.name));
  }

  node(name: string): LabNode {
    const node = this.nodes.find((one) => one.name === name);
    if (node === undefined) throw new Error(`${name} is off`);
    return node;
  }

  /** A machine is gone for good, its disk with it. */
  async destroy(name: string): Promise<void> {
    const { pi } = this.node(name);
    this.nodes.splice(this.nodes.indexOf(this.node(name)), 1);
    await pi[Symbol.asyncDispose]();
  }

  /** Boots one whose power was cut. */
  async powerOn(name: string): Promise<void> {
    const { pi, address } = this.node(name);
    await pi.boot();
    await eventually(`${name} takes ssh`, () => accepts(address, SSH), SSH_PATIENCE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.splice(0).map(({ pi }) => pi[Symbol.asyncDispose]()));
    await run('ip', ['link', 'del', this.#bridge]).catch(() => undefined);
    await rm(this.work, { recursive: true, force: true });
  }

  async #boot(name: string): Promise<void> {
    const address = this.addressOf(name);
    const known = await readFile(`${this.key}.pub`, 'utf8');
    const furnish = async (root: string): Promise<void> => {
      await prepare(root, name, address, known, this.#options);
      await this.#options.furnish?.(root, name);
    };
    const plug = async (inside: VirtualPi['run']): Promise<void> => {
      const card = `${this.#bridge}n${this.#cards++}`.slice(-15);
      const peer = ['peer', 'name', card, 'netns', String(process.pid)];
      await inside('ip', ['link', 'add', 'eth0', 'type', 'veth', ...peer], 'net');
      await run('ip', ['link', 'set', card, 'master', this.#bridge, 'up']);
      await inside('ip', ['addr', 'replace', `${address}/24`, 'dev', 'eth0'], 'net');
      await inside('ip', ['link', 'set', 'eth0', 'up'], 'net');
    };
    const pi = await bootVirtualPi(this.#options.tar, furnish, plug);
    this.nodes.push({ name, address, pi });
    // Its keys are made at the first start, which takes a while.
    await eventually(`${name} takes ssh`, () => accepts(address, SSH), SSH_PATIENCE);
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  const socket = createConnection({ host, port, timeout: 1_000 });
  return new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('timeout', () => resolve(false));
    socket.once('error', () => resolve(false));
  }).finally(() => socket.destroy());
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
  // It would set this machine's clock.
  await mkdir(at('etc/systemd/system/chrony.service.d'), { recursive: true });
  await writeFile(
    at('etc/systemd/system/chrony.service.d/zz-lab.conf'),
    '[Service]\nEnvironment="DAEMON_OPTS=-F 1 -x"\n',
  );
  if (options.release === IMAGE) return;
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
