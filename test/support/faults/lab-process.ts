import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';

/** What is kept of a process's output, characters. */
const OUTPUT_KEPT = 200_000;
/** Longest wait for a process to end as it was asked to, milliseconds. */
const STOP_TIMEOUT = 5_000;
const SETPRIV = '/usr/bin/setpriv';

export interface LabProcessOptions {
  cwd: string;
  /** Name of the network namespace that it runs in. */
  namespace?: string | undefined;
}

/** One process of the lab. It can be started again, and ends with the test that started it. */
export class LabProcess {
  readonly #command: readonly string[];
  readonly #cwd: string;
  #child: ChildProcess | undefined;
  /** What it has said, over all its lives. */
  output = '';

  constructor(command: readonly string[], { cwd, namespace }: LabProcessOptions) {
    // Each of these becomes the next by exec, so the process id stays the one that gets signals.
    const dies = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'SIGKILL', '--'] : [];
    const enters = namespace === undefined ? [] : ['nsenter', `--net=/run/netns/${namespace}`];
    this.#command = [...enters, ...dies, ...command];
    this.#cwd = cwd;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get running(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  start(): void {
    if (this.running) return;
    const [program, ...parameters] = this.#command;
    const child = spawn(program!, parameters, {
      cwd: this.#cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const keep = (chunk: Buffer): void => {
      this.output = (this.output + chunk.toString()).slice(-OUTPUT_KEPT);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.on('error', (error) => keep(Buffer.from(`${String(error)}\n`)));
  }

  /**
   * Sends the signal and waits for the end; who does not go is killed, as systemd does it. Nothing
   * when it does not run.
   */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.running) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    // A stopped process takes no signal but SIGKILL before it goes on.
    child.kill('SIGCONT');
    const overdue = setTimeout(() => {
      this.output += `does not end on ${signal}\n`;
      child.kill('SIGKILL');
    }, STOP_TIMEOUT);
    await exited;
    clearTimeout(overdue);
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }
}
