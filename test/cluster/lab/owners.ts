import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { eventually } from '../../support/broker.ts';
import type { Cluster } from './cluster.ts';
import type { VirtualPi } from './virtual-pi.ts';

/** One node had the address from one moment to another, milliseconds since the epoch. */
export interface Tenure {
  name: string;
  from: number;
  /** Infinity: it has it still. */
  to: number;
}

const PATIENCE = 30_000;

/**
 * Who has a virtual address when: the kernels' own reports of each address that comes or goes, with
 * the time at which it did.
 */
export class Owners {
  readonly #address: string;
  readonly #watches = new Map<string, ChildProcess>();
  readonly #tenures: Tenure[] = [];

  private constructor(address: string) {
    this.#address = address;
  }

  static async watch({ pis }: Cluster, address: string): Promise<Owners> {
    const owners = new Owners(address);
    for (const pi of pis) await owners.add(pi);
    return owners;
  }

  /** Begins to watch a node that is on. */
  async add(pi: VirtualPi): Promise<void> {
    const child = spawn(
      'setpriv',
      [
        // It takes the time when it reads, so it must not wait for what is measured.
        ...[
          '--pdeathsig',
          'KILL',
          'chrt',
          '-r',
          '10',
          'nsenter',
          '--target',
          `${pi.pid}`,
          '--net',
          '--',
        ],
        ...['ip', '-tshort', 'monitor', 'address'],
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    this.#watches.set(pi.name, child);
    createInterface({ input: child.stdout! }).on('line', (line) => this.#take(pi.name, line));
    const there = await pi.net('ip', '-brief', 'address', 'show', 'to', this.#address);
    if (there.trim() !== '') this.#begin(pi.name, Date.now());
  }

  /** Its power is gone, and its addresses with it. To be called before: a watch holds its network. */
  async lose(pi: VirtualPi): Promise<void> {
    const child = this.#watches.get(pi.name);
    this.#watches.delete(pi.name);
    if (child !== undefined && child.exitCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
    this.#end(pi.name, Date.now());
  }

  /** Names of those that have it now. */
  get now(): string[] {
    return this.#tenures.filter(({ to }) => to === Infinity).map(({ name }) => name);
  }

  /** Resolves with the one that has it, when it is one and not `other`. */
  async settled(other?: string): Promise<string> {
    await eventually(
      'one node has the address',
      () => this.now.length === 1 && this.now[0] !== other,
      PATIENCE,
    );
    return this.now[0]!;
  }

  tenures(since: number): Tenure[] {
    return this.#tenures.filter(({ to }) => to > since);
  }

  /**
   * How long two nodes had the address at the same time since `since`, in milliseconds, the longest
   * time of all. `but`: nobody counts the time in which that node could not know, since it stood
   * still.
   */
  overlap(since: number, but?: { name: string; until: number }): number {
    const tenures = this.tenures(since).map((tenure) => ({ ...tenure }));
    if (but !== undefined) {
      for (const tenure of tenures) {
        if (tenure.name === but.name && tenure.from < but.until) tenure.from = but.until;
      }
    }
    let longest = 0;
    const now = Date.now();
    for (const [index, one] of tenures.entries()) {
      for (const other of tenures.slice(index + 1)) {
        if (other.name === one.name) continue;
        const shared = Math.min(one.to, other.to, now) - Math.max(one.from, other.from, since);
        longest = Math.max(longest, shared);
      }
    }
    return longest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#watches.values()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
  }

  /** A line such as `[2026-11-21T20:10:00.123456] Deleted 5: eth0    inet 198.18.0.100/32 …`. */
  #take(name: string, line: string): void {
    const found = /^\[(\S+)\] (Deleted )?.*\sinet6? (\S+)\//.exec(line);
    if (found === null || found[3] !== this.#address) return;
    const at = new Date(found[1]!).getTime();
    if (found[2] === undefined) this.#begin(name, at);
    else this.#end(name, at);
  }

  #begin(name: string, from: number): void {
    if (!this.now.includes(name)) this.#tenures.push({ name, from, to: Infinity });
  }

  #end(name: string, to: number): void {
    const tenure = this.#tenures.find((one) => one.name === name && one.to === Infinity);
    if (tenure !== undefined) tenure.to = to;
  }
}
