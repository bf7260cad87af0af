import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import mqtt from 'mqtt';
import { expect } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { newCluster } from '../../provisioning/init/cluster-text.ts';
import { bramble, CHECKOUT } from './dev.ts';
import { IMAGE, type LabOptions, ProvisionLab } from './provision-lab.ts';

const run = promisify(execFile);

/** How a playbook ended, as `--json` told. */
export interface End {
  code: number | null;
  hosts: Record<string, { changed: number; failures: number }>;
  events: PlayEvent[];
  out: string;
  /** Seconds that it took. */
  took: number;
}

interface PlayEvent {
  event: string;
  host?: string;
  task?: string;
  status?: string;
  msg?: unknown;
  what?: string;
}

export interface ProvisionOptions extends Omit<LabOptions, 'release'> {
  names: readonly string[];
  /** Whether cluster.yaml has a virtual address. */
  vip?: boolean;
  /** Each card has our image, and cluster.yaml beside it: nodes are a cluster when they are on. */
  flashed?: boolean;
  /** Another cluster.yaml than the one that `bramble init` writes, from that. */
  edit?: (text: string) => string;
}

/** Machines, one cluster.yaml, a release, and the `bramble` command to make a cluster of them. */
export class ProvisionedCluster {
  readonly lab: ProvisionLab;
  /** cluster.yaml. */
  readonly file: string;
  /** Directory of the release that this checkout builds. */
  readonly release: string;

  private constructor(lab: ProvisionLab, release: string) {
    this.lab = lab;
    this.file = path.join(lab.work, 'cluster.yaml');
    this.release = release;
  }

  static async open(options: ProvisionOptions): Promise<ProvisionedCluster> {
    const { names, vip = false, flashed = false, edit = (same) => same, ...rest } = options;
    let text = '';
    const furnish = async (root: string, name: string): Promise<void> => {
      await rest.furnish?.(root, name);
      if (flashed) await putOnCard(root, name, text);
    };
    const release = flashed ? IMAGE : undefined;
    const lab = await ProvisionLab.open({ ...rest, furnish, release });
    try {
      const nodes = names.map((name) => ({ name, address: lab.addressOf(name) }));
      const answers = { name: 'lab', nodes, vip: vip ? lab.vip : undefined, user: 'owner' };
      text = edit(newCluster(answers));
      await lab.boot(...names);
      const cluster = new ProvisionedCluster(lab, await buildRelease(path.join(lab.work, 'built')));
      await writeFile(cluster.file, text, { mode: 0o600 });
      return cluster;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Options of every command that goes to the nodes. */
  get access(): string[] {
    return ['--cluster', this.file, '--user', 'root', '--key', this.lab.key];
  }

  async play(...args: string[]): Promise<End> {
    const from = performance.now();
    const named = args.includes('--cluster') ? this.access.slice(2) : this.access;
    const { code, out, err } = await bramble([...args, ...named, '--json']);
    const events = out
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as PlayEvent & { hosts?: End['hosts'] });
    const hosts = events.find(({ event }) => event === 'end')?.hosts ?? {};
    return { code, hosts, events, out: out + err, took: (performance.now() - from) / 1_000 };
  }

  /** As play, of a command that has to succeed. */
  async must(...args: string[]): Promise<End> {
    const end = await this.play(...args);
    if (end.code !== 0) console.error(end.out.slice(-6_000));
    expect(end.code, `bramble ${args.join(' ')}`).toBe(0);
    return end;
  }

  /** The same release under another name, with one file of it changed. */
  async variant(name: string, file: string, text: string): Promise<string> {
    const directory = path.join(path.dirname(this.release), name);
    await cp(this.release, directory, { recursive: true });
    await writeFile(path.join(directory, file), text);
    await writeFile(path.join(directory, 'RELEASE'), `${name.replace('bramble-', '')} x64\n`);
    const sums = readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)))
      .filter((one) => one !== 'SHA256SUMS' && one !== 'RELEASE')
      .sort()
      .map((one) => `${sha256(path.join(directory, one))}  ${one}\n`);
    await writeFile(path.join(directory, 'SHA256SUMS'), sums.join(''));
    return directory;
  }

  /** The release that each node runs. */
  current(): (string | undefined)[] {
    return this.lab.nodes.map(({ pi }) => {
      try {
        return path.basename(readlinkSync(path.join(pi.root, 'opt/bramble/current')));
      } catch {
        return undefined;
      }
    });
  }

  async login(): Promise<{ username: string; password: string }> {
    const { mqtt: settings } = parseCluster(await readFile(this.file, 'utf8'));
    const { name: username, password = '' } = settings.users[0]!;
    return { username, password };
  }

  /** Publishes and receives a message through the balancer of each node. */
  async serves(): Promise<void> {
    const login = await this.login();
    for (const { address } of this.lab.nodes) {
      const client = await mqtt.connectAsync(`mqtt://${address}:1883`, {
        ...login,
        connectTimeout: 60_000,
      });
      const heard = new Promise((resolve) =>
        client.once('message', (_topic, text) => resolve(String(text))),
      );
      await client.subscribeAsync('lab/#', { qos: 1 });
      await client.publishAsync('lab/a', 'x', { qos: 1 });
      expect(await heard).toBe('x');
      await client.endAsync();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.lab[Symbol.asyncDispose]();
  }
}

/** What bramble flash leaves on the FAT partition. */
async function putOnCard(root: string, name: string, cluster: string): Promise<void> {
  const firmware = path.join(root, 'boot/firmware');
  await mkdir(firmware, { recursive: true });
  await writeFile(path.join(firmware, 'cluster.yaml'), cluster);
  await writeFile(path.join(firmware, 'user-data'), `#cloud-config\nhostname: ${name}\n`);
}

function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

async function buildRelease(out: string): Promise<string> {
  const script = path.join(CHECKOUT, 'image/release/main.ts');
  const { stdout } = await run(process.execPath, [script, '--arch', 'x64', '--out', out], {
    cwd: CHECKOUT,
  });
  return stdout.trim().split('\n').at(-1) ?? '';
}
