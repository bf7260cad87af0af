import { readFileSync } from 'node:fs';
import { describeError } from '#core/errors.ts';
import type { Bus } from '#core/jetstream/bus.ts';
import type { Logger } from '#core/log.ts';

export interface EngineGuardOptions {
  bus: Pick<Bus, 'connected' | 'on' | 'off'>;
  /** Where the nats-server of this node writes its process id. */
  pidFile: string;
  log: Logger;
  /** Milliseconds without an answer, after the connection counted as gone. */
  patience?: number;
}

/** Twice what the link needs to notice a silent server: load alone does not last so long. */
const PATIENCE = 5_000;
const NAME = 'nats-server';

/**
 * Ends a nats-server that runs and does not serve. When its disk is full, 2.9 waits for itself in
 * its storage while its heartbeats go on: the others take it for the living leader of its streams
 * and elect no new one. Only its end helps, and whoever supervises it starts it again.
 */
export class EngineGuard {
  readonly #options: EngineGuardOptions;
  #pid = 0;
  #watch: NodeJS.Timeout | undefined;
  readonly #onUp = (): void => {
    clearTimeout(this.#watch);
    this.#pid = readPid(this.#options.pidFile);
  };
  readonly #onDown = (): void => {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#fence(), this.#options.patience ?? PATIENCE);
  };

  constructor(options: EngineGuardOptions) {
    this.#options = options;
  }

  start(): void {
    const { bus } = this.#options;
    bus.on('up', this.#onUp);
    bus.on('down', this.#onDown);
    if (bus.connected) this.#onUp();
  }

  close(): void {
    const { bus } = this.#options;
    bus.off('up', this.#onUp);
    bus.off('down', this.#onDown);
    clearTimeout(this.#watch);
  }

  /** The process that served before, and no other: a new one may still read its files. */
  #fence(): void {
    const { bus, pidFile, log } = this.#options;
    const pid = this.#pid;
    if (bus.connected || pid === 0 || readPid(pidFile) !== pid || !isHung(pid)) return;
    log.error({ pid }, 'nats-server runs and does not answer: it is ended');
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      log.error({ pid }, `nats-server could not be ended: ${describeError(error)}`);
    }
  }
}

/** 0 when there is none. */
function readPid(file: string): number {
  try {
    const pid = Number(readFileSync(file, 'utf8').trim());
    return Number.isSafeInteger(pid) && pid > 1 ? pid : 0;
  } catch {
    return 0;
  }
}

/**
 * Whether it is a nats-server that could go on: one that was stopped sends no heartbeats either, and
 * whoever stopped it has a reason. proc(5): `pid (name) state …`.
 */
function isHung(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = stat.lastIndexOf(')');
    const name = stat.slice(stat.indexOf('(') + 1, end);
    return name === NAME && !'TtZX'.includes(stat.charAt(end + 2));
  } catch {
    return false;
  }
}
