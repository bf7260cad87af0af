import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { eventually } from '../../support/broker.ts';
import { haveClocks, setClocks } from './clock.ts';
import type { Network } from './network.ts';
import { cgroupRoot, processesIn, removeCgroup } from './reap.ts';
import { quietly, sh } from './shell.ts';

export interface VirtualPiOptions {
  name: string;
  /** Counts from 0. */
  index: number;
  network: Network;
  /** The files that all nodes share. */
  tree: string;
  /** A directory of its own. */
  work: string;
  /** Scripts of boot.ts. */
  enter: string;
  init: string;
  /** What it finds on its FAT partition, by name. */
  firmware: Readonly<Record<string, string>>;
  /** Room on its disk, bytes. */
  disk: number;
}

/** Upper bounds on a busy machine, milliseconds. */
const BOOT = 240_000;
const START = 20_000;
/** Of what fills a disk, the last MiB come one by one: so many, so many seconds apart. */
const SLOWLY = 256;
const SLOW = 0.02;

/**
 * A Pi with real systemd, in namespaces. It shares this machine's kernel, clock and memory; its
 * disk is memory that survives `powerOff`, including what was never flushed.
 */
export class VirtualPi {
  readonly name: string;
  readonly address: string;
  readonly #options: VirtualPiOptions;
  readonly #cgroup: string;
  #child: ChildProcess | undefined;
  #pid = 0;

  constructor(options: VirtualPiOptions) {
    this.name = options.name;
    this.address = options.network.address(options.index);
    this.#options = options;
    this.#cgroup = path.basename(options.work);
  }

  get isOn(): boolean {
    return this.#child !== undefined;
  }

  /** Its init process, as this machine counts. */
  get pid(): number {
    return this.#pid;
  }

  /** A path of its file system, for this process; also while it is off. */
  file(name: string): string {
    const { network, work } = this.#options;
    return path.join('/proc', `${network.pid}`, 'root', work, 'root', name);
  }

  /** Gives it a disk, and what a person puts on the card. */
  async prepare(): Promise<void> {
    const { work, tree, network, disk, firmware, name } = this.#options;
    await mkdir(path.join(work, 'root'), { recursive: true });
    await mkdir(path.join(work, 'disk'), { recursive: true });
    const [root, own] = [path.join(work, 'root'), path.join(work, 'disk')];
    await network.inside('mount', '-t', 'tmpfs', '-o', `size=${disk},mode=755`, 'disk', own);
    await network.inside('mkdir', `${own}/upper`, `${own}/work`);
    const layers = `lowerdir=${tree},upperdir=${own}/upper,workdir=${own}/work`;
    await network.inside('mount', '-t', 'overlay', '-o', layers, 'root', root);
    await mkdir(this.file('boot/firmware'), { recursive: true });
    const files = { 'user-data': `#cloud-config\nhostname: ${name}\n`, ...firmware };
    for (const [file, text] of Object.entries(files)) {
      await writeFile(this.file(`boot/firmware/${file}`), text);
    }
    const fixed = `[Match]\nName=eth0\n\n[Network]\nAddress=${this.address}/24\nGateway=${network.gateway}\nDHCP=no\nIPv6AcceptRA=no\n`;
    await writeFile(this.file('etc/systemd/network/10-cluster.network'), fixed);
    // It would set this machine's clock.
    await sh('ln', '-sf', '/dev/null', this.file('etc/systemd/system/chrony.service'));
  }

  /** Starts it; resolves when systemd runs in it and it has a network card. */
  async powerOn(): Promise<void> {
    const { network, work, enter, init, index } = this.#options;
    const root = path.join(work, 'root');
    const child = spawn(
      'setpriv',
      [
        ...['--pdeathsig', 'KILL', 'nsenter', '-t', `${network.pid}`, '--mount', '--'],
        ...['unshare', '-m', enter, root, this.#cgroup, init],
      ],
      { stdio: 'ignore' },
    );
    this.#child = child;
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
    });
    await eventually(`${this.name} has an init process`, () => this.#findInit(), START);
    await network.plugIn(index, this.#pid);
  }

  /** Resolves when it has started everything. */
  async booted(): Promise<void> {
    const up = async (): Promise<boolean> => {
      if (!this.isOn) throw new Error(`${this.name} has ended`);
      return this.exec('systemctl', 'is-active', 'multi-user.target').then(
        () => true,
        () => false,
      );
    };
    await eventually(`${this.name} is up`, up, BOOT).catch(async (error: unknown) => {
      const jobs = await this.exec('systemctl', 'list-jobs', '--no-pager').catch(String);
      throw new Error(`${this.name} waits for:\n${jobs}`, { cause: error });
    });
  }

  /**
   * Takes its power away: nothing of it reaches the network any more, and then it is gone. `between`
   * is for whoever holds on to its network.
   */
  async powerOff(between: () => Promise<void> = async () => {}): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    await quietly(() => this.#options.network.pull(this.#options.index));
    await between();
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    this.#child = undefined;
    await eventually('its processes are gone', () => !isThere(this.#pid), START);
  }

  /** It restarts itself: resolves when it runs again as after `powerOn`. `between` as in powerOff. */
  async rebooted(between: () => Promise<void> = async () => {}): Promise<void> {
    await eventually(`${this.name} goes down`, () => !this.isOn, BOOT);
    await between();
    await this.powerOn();
  }

  /** Stops all its processes where they are. Its kernel, which is ours, goes on. */
  freeze(): void {
    writeFileSync(path.join(this.#cgroupPath, 'cgroup.freeze'), '1');
  }

  thaw(): void {
    writeFileSync(path.join(this.#cgroupPath, 'cgroup.freeze'), '0');
  }

  /**
   * Sets the clock of all that runs in it now to `seconds` ahead of this machine's; less than 0:
   * behind. The first time it stands still for a moment, longer than the others wait for it on a
   * busy machine: set 0 before something is measured. What starts later has this machine's clock. See clock.ts.
   */
  async clockJump(seconds: number): Promise<void> {
    const set = async (): Promise<boolean> => {
      const pids = processesIn(this.#cgroupPath);
      if (haveClocks(pids)) return setClocks(pids, seconds);
      this.freeze();
      try {
        const stopped = (): boolean =>
          /^frozen 1$/m.test(readFileSync(path.join(this.#cgroupPath, 'cgroup.events'), 'utf8'));
        await eventually(`${this.name} stands still`, stopped, START);
        return setClocks(processesIn(this.#cgroupPath), seconds);
      } finally {
        this.thaw();
      }
    };
    await eventually(`${this.name} has another clock`, set, START);
  }

  pullCable(): Promise<void> {
    return this.#options.network.pull(this.#options.index);
  }

  plugCable(): Promise<void> {
    return this.#options.network.plug(this.#options.index);
  }

  /** Leaves no room on its disk, the last of it as fast as a card is; `diskFree` gives it back. */
  async diskFull(): Promise<void> {
    const filler = path.join(this.#options.work, 'disk', 'filler');
    const { network } = this.#options;
    const script = `
      fill() { dd if=/dev/zero of="$1" oflag=append conv=notrunc status=none "bs=$2" $3; }
      free=$(df --output=avail -B1M "\${1%/*}" | tail -n 1)
      [ "$free" -le ${SLOWLY} ] || fill "$1" 1M "count=$((free - ${SLOWLY}))"
      while fill "$1" 1M count=1; do sleep ${SLOW}; done
      fill "$1" 4k`;
    await quietly(() => network.inside('sh', '-c', script, 'sh', filler));
  }

  async diskFree(): Promise<void> {
    await this.#options.network.inside('rm', path.join(this.#options.work, 'disk', 'filler'));
  }

  /** A signal to every process of a service, at once; kill -9 by default. Returns how many. */
  kill(service: string, signal: NodeJS.Signals = 'SIGKILL'): number {
    const unit = `system.slice/${service}.service`;
    const pids = processesIn(path.join(this.#cgroupPath, unit));
    for (const pid of pids) killIfThere(pid, signal);
    return pids.length;
  }

  /** Runs a program of its own in it. */
  exec(program: string, ...args: readonly string[]): Promise<string> {
    if (!this.isOn) return Promise.reject(new Error(`${this.name} is off`));
    return sh('nsenter', '--target', `${this.#pid}`, '--all', '--', program, ...args);
  }

  /** Runs a program of this machine in its network. */
  net(program: string, ...args: readonly string[]): Promise<string> {
    return sh('nsenter', '--target', `${this.#pid}`, '--net', '--', program, ...args);
  }

  journal(service: string, ...more: readonly string[]): Promise<string> {
    return this.exec(
      'journalctl',
      '-q',
      '--no-pager',
      '-o',
      'short-precise',
      '-u',
      service,
      ...more,
    );
  }

  async remove(): Promise<void> {
    if (this.isOn) {
      await quietly(async () => this.thaw());
      await this.powerOff();
    }
    removeCgroup(this.#cgroupPath);
  }

  get #cgroupPath(): string {
    return path.join(cgroupRoot(), this.#cgroup);
  }

  /** systemd itself: the child of the second unshare, which took the place of the first one. */
  async #findInit(): Promise<boolean> {
    const child = this.#child;
    if (child === undefined) throw new Error(`${this.name} has ended`);
    const task = `/proc/${child.pid}/task/${child.pid}/children`;
    const pid = (await readFile(task, 'utf8').catch(() => '')).trim();
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    // The first of a namespace within ours, not a helper of the script before.
    if (!/^NSpid:\t\d+\t1$/m.test(status)) return false;
    this.#pid = Number(pid);
    return true;
  }
}

/** A child ends with its parent, so the next on a list may be gone. */
function killIfThere(pid: number, signal: NodeJS.Signals): void {
  if (isThere(pid)) process.kill(pid, signal);
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
