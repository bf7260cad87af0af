import { once } from 'node:events';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { ProcessSpec } from './process-spec.ts';
import { type ProcessExit, SupervisedProcess } from './supervised-process.ts';

/** A process that ends this often without ever having been ready will not get better by itself. */
const ATTEMPTS_TO_START = 3;
/** Longest time until all are ready for the first time, milliseconds. */
const START_WITHIN = 60_000;
/** Longest time for one process to drain; core/lifecycle.ts gives up after 10 s by itself. */
const STOP_WITHIN = 12_000;

/** Starts processes in the order of their dependencies and keeps them running. */
export class Supervisor {
  readonly processes: readonly SupervisedProcess[];
  #stopping = false;

  constructor(specs: readonly ProcessSpec[]) {
    this.processes = specs.map((spec) => new SupervisedProcess(spec));
  }

  /**
   * Resolves when every process has been ready once. Throws PROCESS_EXITED when one does not get
   * that far in three attempts, START_TIMEOUT after 60 s, or the signal's reason.
   */
  async start(signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const overdue = setTimeout(() => failed.abort(this.#timeoutError()), START_WITHIN);
    const until = AbortSignal.any([signal, failed.signal]);
    for (const process of this.processes) {
      process.on('exited', (exit) => this.#checkAttempts(process, exit, failed));
    }
    const ready = new Map(
      this.processes.map((process) => [process.spec.name, firstReady(process, until)]),
    );
    const starts = this.processes.map(async (process) => {
      await Promise.all(process.spec.after.map((name) => ready.get(name)));
      until.throwIfAborted();
      process.start();
      await ready.get(process.spec.name);
    });
    try {
      await Promise.all(starts);
    } finally {
      clearTimeout(overdue);
      await Promise.allSettled([...starts, ...ready.values()]);
    }
  }

  /** Drains the named processes side by side. */
  async stop(names: (name: string) => boolean): Promise<void> {
    this.#stopping = true;
    const chosen = this.processes.filter((process) => names(process.spec.name));
    await Promise.all(chosen.map((process) => process.stop(STOP_WITHIN)));
  }

  /** Ends all of them at once, without draining. */
  async kill(): Promise<void> {
    this.#stopping = true;
    for (const process of this.processes) process.kill();
    await Promise.all(this.processes.map((process) => process.stop(STOP_WITHIN)));
  }

  #checkAttempts(process: SupervisedProcess, exit: ProcessExit, failed: AbortController): void {
    if (this.#stopping || process.everReady || process.restarts + 1 < ATTEMPTS_TO_START) return;
    const { name, log } = process.spec;
    failed.abort(
      new BrambleError(ERROR_CODES.PROCESS_EXITED, `${name} does not start: ${exit.reason}`, {
        hint: `its log: ${log}`,
      }),
    );
  }

  #timeoutError(): BrambleError {
    const late = this.processes.filter((process) => !process.everReady);
    const names = late.map((process) => process.spec.name).join(', ');
    const message = `not ready after ${START_WITHIN / 1000} s: ${names}`;
    const logs = late.map((process) => process.spec.log).join(' ');
    return new BrambleError(ERROR_CODES.START_TIMEOUT, message, { hint: `their logs: ${logs}` });
  }
}

async function firstReady(process: SupervisedProcess, signal: AbortSignal): Promise<void> {
  try {
    await once(process, 'ready', { signal });
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
}
