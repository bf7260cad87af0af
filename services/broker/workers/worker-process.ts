import { type ChildProcess, fork } from 'node:child_process';
import type { Logger } from '#core/log.ts';

export interface WorkerOptions {
  /** Counts from 1. */
  worker: number;
  /** The program and its arguments. */
  file: string;
  args: readonly string[];
  log: Logger;
  /** It has said that it serves. */
  onReady: () => void;
  /** It has ended without being asked. */
  onEnd: (code: number | null, signal: NodeJS.Signals | null) => void;
}

/** Between two starts, milliseconds: it doubles up to the last, until one has lasted. */
const WAIT_FIRST = 200;
const WAIT_LAST = 10_000;
const LASTED = 30_000;

/** One worker of a broker: started, started again when it ends, stopped. */
export class WorkerProcess {
  readonly #options: WorkerOptions;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wait = WAIT_FIRST;
  #readyAt = 0;
  #stopping = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  start(): void {
    const { worker, file, args, log, onReady, onEnd } = this.#options;
    // Its channel closes when this process ends however it may, and the worker ends then too.
    const child = fork(file, args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // systemd hears of the whole service from this process.
      env: { ...process.env, NOTIFY_SOCKET: undefined },
    });
    this.#child = child;
    child.on('error', (error) => log.error({ err: error, worker }, 'a worker'));
    child.on('message', (message: { event?: unknown } | null) => {
      if (message?.event !== 'ready') return;
      this.#readyAt = performance.now();
      onReady();
    });
    child.once('exit', (code, signal) => {
      this.#child = undefined;
      if (!this.#stopping) onEnd(code, signal);
    });
  }

  /** After it has ended. */
  startLater(): void {
    if (this.#stopping) return;
    const lasted = this.#readyAt > 0 && performance.now() - this.#readyAt > LASTED;
    if (lasted) this.#wait = WAIT_FIRST;
    this.#readyAt = 0;
    this.#timer = setTimeout(() => this.start(), this.#wait);
    this.#wait = Math.min(2 * this.#wait, WAIT_LAST);
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** Asks it to end; resolves when it has. It gives up by itself when it cannot drain in time. */
  stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined) return Promise.resolve();
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    return ended;
  }
}
