import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type ClusterPorts, devPortSpan, devPorts } from '#core/contracts/ports.ts';
import { freePortRange } from './ports.ts';

export const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const BRAMBLE = path.join(CHECKOUT, 'bin/bramble');
const LIMIT = 60_000;

/** One line of `bramble dev --json`. */
export interface DevEvent {
  event: string;
  at: number;
  name?: string;
  pid?: number;
  code?: number | string | null;
  signal?: string | null;
  reason?: string;
  message?: string;
  ports?: Record<'mqtt' | 'connectors' | 'websocket' | 'page' | 'stats', number>;
  took?: number;
}

export interface DevOptions {
  /** Default 2. undefined: as in the file that `--config` names, which must have two brokers. */
  nodes?: number | undefined;
  /** Default true. */
  anonymous?: boolean;
  /** Default true; false for the lines that people see. */
  json?: boolean;
  /** A data directory to use again; by default a new one, removed at the end. */
  data?: string;
  base?: number;
  args?: readonly string[];
  env?: NodeJS.ProcessEnv;
}

/** A `bramble dev` of its own, on free ports and in a temporary directory. */
export class Dev {
  readonly child: ChildProcess;
  readonly data: string;
  readonly base: number;
  readonly ports: ClusterPorts;
  readonly events: DevEvent[] = [];
  /** Lines on stdout and on stderr. */
  readonly out: string[] = [];
  readonly err: string[] = [];
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #keepData: boolean;

  constructor(child: ChildProcess, data: string, base: number, nodes: number, keepData: boolean) {
    this.child = child;
    this.data = data;
    this.base = base;
    this.ports = devPorts(nodes, base);
    this.#keepData = keepData;
    this.exited = once(child, 'close').then(([code, signal]) => ({ code, signal }));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.out.push(line);
      if (line.startsWith('{')) this.events.push(JSON.parse(line) as DevEvent);
    });
    createInterface({ input: child.stderr! }).on('line', (line) => this.err.push(line));
  }

  /** The first event from index `from` on that matches, now or later. */
  async waitFor(matches: (event: DevEvent) => boolean, from = 0): Promise<DevEvent> {
    const find = () => this.events.slice(from).find(matches);
    return until(() => {
      const found = find();
      if (!found && this.child.exitCode !== null) throw new Error(`it ended:\n${this.#said()}`);
      return found;
    }, `an event of:\n${this.#said()}`);
  }

  ready(): Promise<DevEvent> {
    return this.waitFor(({ event }) => event === 'ready');
  }

  /** The pid of a process as last reported. */
  pidOf(name: string): number {
    const event = this.events.findLast((e) => e.event === 'started' && e.name === name);
    if (event?.pid === undefined) throw new Error(`${name} was never started`);
    return event.pid;
  }

  /** Every pid that was ever reported. */
  get pids(): number[] {
    return this.events.filter((e) => e.event === 'started').map((e) => e.pid!);
  }

  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    this.child.kill(signal);
    return (await this.exited).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const force = setTimeout(() => this.child.kill('SIGKILL'), LIMIT / 2);
      await this.stop('SIGTERM');
      clearTimeout(force);
    }
    // Only processes that still name our own directory: a pid may have been given to another.
    for (const pid of this.pids) if (isOf(pid, this.data)) process.kill(pid, 'SIGKILL');
    await until(() => !this.pids.some((pid) => isOf(pid, this.data)), 'the end of its processes');
    if (!this.#keepData) await rm(this.data, { recursive: true, force: true });
  }

  #said(): string {
    return [...this.out, ...this.err].join('\n');
  }
}

export async function startDev(options: DevOptions = {}): Promise<Dev> {
  const { anonymous = true, json = true, args = [], env = {} } = options;
  const nodes = options.nodes ?? 2;
  const fromFile = 'nodes' in options && options.nodes === undefined;
  const base = options.base ?? (await freePortRange(devPortSpan(nodes)));
  const data = options.data ?? (await tempDir());
  const line = [
    'dev',
    ...(fromFile ? [] : ['--nodes', String(nodes)]),
    ...['--base-port', String(base), '--data', data],
    ...(anonymous ? ['--anonymous'] : []),
    ...(json ? ['--json'] : []),
    ...args,
  ];
  const child = spawn(BRAMBLE, line, {
    cwd: CHECKOUT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Dev(child, data, base, nodes, options.data !== undefined);
}

/** Runs `bramble` to its end. */
export async function bramble(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(BRAMBLE, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

export function tempDir(): Promise<string> {
  return mkdtemp(path.join(tmpdir(), 'bramble-dev-'));
}

/** Whether a living process names `dir` on its command line. */
export function isOf(pid: number, dir: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dir);
  } catch {
    return false;
  }
}

/** Asks until the answer is neither undefined nor false; throws after a minute. */
export async function until<T>(
  ask: () => T | Promise<T>,
  what: string,
  limit = LIMIT,
): Promise<Exclude<T, undefined | false>> {
  for (const end = Date.now() + limit; ; await sleep(25)) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
  }
}
