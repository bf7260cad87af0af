import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProxyOptions {
  /** Text of a configuration, or the path of one (`file`). */
  config?: string;
  file?: string;
  env?: Record<string, string>;
  /** Ports that answer once it is up. */
  ports: readonly number[];
}

/** A proxy that runs in the foreground, with all that it has printed. */
export interface ProxyProcess {
  readonly pid: number;
  /** Lines on stdout (the log of our configurations) and stderr so far. */
  readonly out: string[];
  readonly err: string[];
  readonly exited: Promise<number | NodeJS.Signals>;
  /** Ends it with the signal (default SIGTERM), by force after five seconds. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Runs `command … -f file` and waits until its ports answer. */
export async function startProxy(
  command: string,
  args: readonly string[],
  options: ProxyOptions,
): Promise<ProxyProcess> {
  const directory = await mkdtemp(path.join(tmpdir(), 'bramble-proxy-'));
  const file = options.file ?? path.join(directory, 'proxy.cfg');
  if (options.config !== undefined) await writeFile(file, options.config);
  const child = spawn(command, [...args, '-f', file], {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out = collect(child, 'stdout');
  const err = collect(child, 'stderr');
  const exited = once(child, 'exit').then(([code, signal]) => signal ?? code);
  exited.catch(() => {});
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      const force = setTimeout(() => child.kill('SIGKILL'), 5000);
      await exited;
      clearTimeout(force);
    }
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await once(child, 'spawn');
    await Promise.race([
      exited.then((how) => {
        throw new Error(`${command} ended with ${how}:\n${err.join('\n')}\n${out.join('\n')}`);
      }),
      Promise.all(options.ports.map((port) => answers(port))),
    ]);
  } catch (error) {
    await stop('SIGKILL');
    throw error;
  }
  return { pid: child.pid!, out, err, exited, stop, [Symbol.asyncDispose]: () => stop('SIGKILL') };
}

function collect(child: ChildProcess, name: 'stdout' | 'stderr'): string[] {
  const lines: string[] = [];
  let rest = '';
  child[name]?.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  return lines;
}

async function answers(port: number, limit = 20_000): Promise<void> {
  for (const end = Date.now() + limit; Date.now() < end; await sleep(20)) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1');
      socket.once('connect', () => socket.resetAndDestroy() && resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (open) return;
  }
  throw new Error(`nobody answers on port ${port}`);
}

/** Waits until a line matches, and returns it; lines before `from` do not count. */
export async function lineMatching(
  lines: readonly string[],
  pattern: RegExp,
  { from = 0, limit = 15_000 }: { from?: number; limit?: number } = {},
): Promise<string> {
  for (const end = Date.now() + limit; ; await sleep(20)) {
    const found = lines.slice(from).find((line) => pattern.test(line));
    if (found !== undefined) return found;
    if (Date.now() > end) {
      throw new Error(`no line matches ${pattern}; there are:\n${lines.slice(from).join('\n')}`);
    }
  }
}
