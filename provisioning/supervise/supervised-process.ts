import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PROCESS_STATES } from '#core/contracts/status.ts';
import { describeError } from '#core/errors.ts';
import { Backoff } from './backoff.ts';
import { type Exit, exitReason } from './exit-reason.ts';
import { LineSplitter } from './line-splitter.ts';
import { LogFile } from './log-file.ts';
import { type LogLine, parseLogLine } from './log-line.ts';
import type { ProcessSpec } from './process-spec.ts';

export type ProcessState = (typeof PROCESS_STATES)[number];

export interface ProcessEvents {
  started: [pid: number];
  /** `readyAfter`: milliseconds from start. */
  ready: [pid: number, readyAfter: number];
  exited: [exit: ProcessExit];
  /** A warning or worse that it logged. */
  complaint: [line: LogLine];
}

export interface ProcessExit extends Exit {
  pid: number | undefined;
  /** In words. */
  reason: string;
  /** We asked for it. */
  expected: boolean;
  /** When it is started again, milliseconds from now; undefined = never. */
  restartIn: number | undefined;
}

/** Longest wait for the last output of a process that has ended, milliseconds. */
const LAST_WORDS_WITHIN = 250;

/**
 * One process, started again whenever it ends: starting → ready → (ends) backoff → starting … and
 * on request stopping → stopped. The child is in its own process group, so that a Ctrl-C at the
 * terminal reaches only us and we decide the order.
 */
export class SupervisedProcess extends EventEmitter<ProcessEvents> {
  readonly spec: ProcessSpec;
  state: ProcessState = 'stopped';
  pid: number | undefined;
  startedAt: number | undefined;
  restarts = 0;
  everReady = false;
  lastExit: { at: number; reason: string } | undefined;
  readonly #log: LogFile;
  readonly #backoff = new Backoff();
  #child: ChildProcess | undefined;
  #readyAt: number | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #lastWords: LogLine | undefined;
  #lastOnStderr: string | undefined;

  constructor(spec: ProcessSpec) {
    super();
    this.spec = spec;
    this.#log = new LogFile(spec.log);
  }

  start(): void {
    const { command, args, env, ipc, name } = this.spec;
    this.state = 'starting';
    this.startedAt = Date.now();
    this.#readyAt = undefined;
    this.#lastWords = undefined;
    this.#lastOnStderr = undefined;
    this.#log.write(`--- ${new Date().toISOString()} starting ${command} ${args.join(' ')}\n`);
    const notStarted = (error: unknown) =>
      this.#ended({ code: null, signal: null }, `cannot be started: ${describeError(error)}`);
    let child: ChildProcess;
    try {
      child = spawn(command, args, {
        detached: true,
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
      });
    } catch (error) {
      // Some failures are thrown (no memory), others come as the event below (no such file).
      process.nextTick(notStarted, error);
      return;
    }
    this.#child = child;
    this.pid = child.pid;
    // One that failed has no pid and never emits 'exit'; later errors are of the IPC channel only.
    child.on('error', (error) => {
      if (child.pid === undefined) notStarted(error);
    });
    if (child.pid === undefined) return;
    const gone = new AbortController();
    this.#collect(child);
    child.once('exit', (code, signal) => {
      gone.abort(new Error(`${name} ended`));
      void this.#exited(child, { code, signal });
    });
    this.emit('started', child.pid);
    this.spec.ready(child, gone.signal).then(
      () => this.#becameReady(child),
      () => undefined,
    );
  }

  /** Asks it to drain; kills it when it has not ended within `timeout` ms. Idempotent. */
  async stop(timeout: number): Promise<void> {
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (!child || child.pid === undefined) {
      this.state = 'stopped';
      this.#log.close();
      return;
    }
    const exited = once(this, 'exited');
    if (this.state !== 'stopping') {
      this.state = 'stopping';
      child.kill(this.spec.stopSignal);
      // As systemd does: a nats-server may stand still on a full disk.
      child.kill('SIGCONT');
    }
    const overdue = setTimeout(() => child.kill('SIGKILL'), timeout);
    await exited;
    clearTimeout(overdue);
    this.#log.close();
  }

  /** At once, without draining. */
  kill(): void {
    clearTimeout(this.#restartTimer);
    this.state = 'stopping';
    this.#child?.kill('SIGKILL');
  }

  #becameReady(child: ChildProcess): void {
    if (this.#child !== child || this.state !== 'starting') return;
    this.state = 'ready';
    this.#readyAt = Date.now();
    this.everReady = true;
    this.emit('ready', child.pid!, this.#readyAt - this.startedAt!);
  }

  #collect(child: ChildProcess): void {
    for (const stream of [child.stdout!, child.stderr!]) {
      const lines = new LineSplitter((line) => {
        if (stream === child.stderr) this.#lastOnStderr = line;
        this.#read(parseLogLine(line));
      });
      stream.on('data', (chunk: Buffer) => {
        this.#log.write(chunk);
        lines.push(chunk);
      });
      stream.on('end', () => lines.flush());
    }
  }

  #read(line: LogLine): void {
    if (line.severity === 'error' || line.severity === 'fatal') {
      // A stack trace or an echo of the fatal line must not replace it.
      if (this.#lastWords?.severity !== 'fatal') this.#lastWords = line;
    }
    if (line.severity === 'warning' || line.severity === 'error' || line.severity === 'fatal') {
      this.emit('complaint', line);
    }
  }

  async #exited(child: ChildProcess, exit: Exit): Promise<void> {
    // What it wrote last may still be in the pipe; a grandchild may hold the pipe open for ever.
    await Promise.race([once(child, 'close'), sleep(LAST_WORDS_WITHIN, undefined, { ref: false })]);
    // Complaints explain an end of its own accord; one by signal or on request explains itself.
    const own = exit.signal === null && this.state !== 'stopping';
    const words = this.#lastWords?.text ?? (exit.code === 0 ? undefined : this.#lastOnStderr);
    this.#ended(exit, exitReason(exit, own ? words : undefined));
  }

  #ended(exit: Exit, reason: string): void {
    const expected = this.state === 'stopping';
    const readyFor = this.#readyAt === undefined ? 0 : Date.now() - this.#readyAt;
    const restartIn = expected ? undefined : this.#backoff.next(readyFor);
    const { pid } = this;
    this.#child = undefined;
    this.pid = undefined;
    this.startedAt = undefined;
    this.lastExit = { at: Date.now(), reason };
    this.state = expected ? 'stopped' : 'backoff';
    this.#log.write(`--- ${new Date().toISOString()} ended: ${reason}\n`);
    if (restartIn !== undefined) {
      this.#restartTimer = setTimeout(() => {
        this.restarts++;
        this.start();
      }, restartIn);
    }
    this.emit('exited', { pid, ...exit, reason, expected, restartIn });
  }
}
