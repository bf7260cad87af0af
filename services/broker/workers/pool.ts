import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { Service } from '#core/lifecycle.ts';
import type { Logger } from '#core/log.ts';
import { WorkerProcess } from './worker-process.ts';

export interface WorkerPoolOptions {
  count: number;
  /** The program and its arguments, but for the worker's number. */
  file: string;
  args: readonly string[];
  log: Logger;
}

/**
 * A node's broker as several processes that listen on the same ports (SO_REUSEPORT, socket(7)): the
 * kernel spreads new connections over them. Each is a member of the cluster like those of other
 * nodes. This process only watches over them, so that the end of one leaves the others alone.
 */
export class WorkerPool implements Service {
  readonly #options: WorkerPoolOptions;
  readonly #workers: WorkerProcess[];
  readonly #unready = new Set<number>();
  #started: { resolve: () => void; reject: (error: Error) => void } | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    const { count, file, args, log } = options;
    this.#workers = Array.from({ length: count }, (_, index) => {
      const worker = index + 1;
      return new WorkerProcess({
        worker,
        file,
        args: [...args, '--worker', String(worker)],
        log,
        onReady: () => this.#ready(worker),
        onEnd: (code, signal) => this.#ended(worker, code, signal),
      });
    });
  }

  /** Resolves when all serve; rejects when one cannot start. */
  async start(signal: AbortSignal): Promise<void> {
    const started = new Promise<void>((resolve, reject) => {
      this.#started = { resolve, reject };
    });
    signal.addEventListener('abort', () => this.#started?.reject(signal.reason), { once: true });
    for (const [index, worker] of this.#workers.entries()) {
      this.#unready.add(index + 1);
      worker.start();
    }
    try {
      await started;
    } finally {
      this.#started = undefined;
    }
  }

  /** The configuration is read again by each. */
  async reload(): Promise<void> {
    for (const worker of this.#workers) worker.signal('SIGHUP');
  }

  close(): Promise<void> {
    this.#closing ??= Promise.all(this.#workers.map((worker) => worker.stop())).then(() => {});
    return this.#closing;
  }

  destroy(): void {
    for (const worker of this.#workers) worker.signal('SIGKILL');
  }

  #ready(worker: number): void {
    this.#unready.delete(worker);
    if (this.#unready.size === 0) this.#started?.resolve();
  }

  #ended(worker: number, code: number | null, signal: NodeJS.Signals | null): void {
    const why = signal === null ? `with code ${code}` : `by ${signal}`;
    if (this.#started !== undefined && signal === null) {
      // Whatever keeps it from starting would do so again: it has told what.
      const text = `worker ${worker} ended ${why} before it served`;
      this.#started.reject(new BrambleError(ERROR_CODES.CLOSED, text));
      return;
    }
    this.#options.log.error({ worker }, `a worker ended ${why}, and is started again`);
    this.#workers[worker - 1]!.startLater();
  }
}
