import type { Logger } from '#core/log.ts';
import { endEngine, readPid } from './engine-process.ts';
import { followLink, type Link } from './link.ts';

export interface EngineGuardOptions {
  bus: Link;
  /** Where the nats-server of this node writes its process id. */
  pidFile: string;
  log: Logger;
  /** Milliseconds without an answer, after the connection counted as gone. */
  patience?: number;
}

/** Twice what the link needs to notice a silent server: load alone does not last so long. */
const PATIENCE = 5_000;

/**
 * Ends a nats-server that runs and does not serve. When its disk is full, 2.9 waits for itself in
 * its storage while its heartbeats go on: the others take it for the living leader of its streams
 * and elect no new one. Only its end helps, and whoever supervises it starts it again.
 */
export class EngineGuard {
  readonly #options: EngineGuardOptions;
  #pid = 0;
  #watch: NodeJS.Timeout | undefined;
  #unfollow: (() => void) | undefined;

  constructor(options: EngineGuardOptions) {
    this.#options = options;
  }

  start(): void {
    const { bus, pidFile, patience = PATIENCE } = this.#options;
    const up = (): void => {
      clearTimeout(this.#watch);
      this.#pid = readPid(pidFile);
    };
    const down = (): void => {
      clearTimeout(this.#watch);
      this.#watch = setTimeout(() => this.#fence(), patience);
    };
    this.#unfollow = followLink(bus, up, down);
  }

  close(): void {
    this.#unfollow?.();
    clearTimeout(this.#watch);
  }

  /** The process that served before, and no other: a new one may still read its files. */
  #fence(): void {
    const { bus, pidFile, log } = this.#options;
    if (bus.connected) return;
    endEngine(this.#pid, pidFile, 'nats-server runs and does not answer', log);
  }
}
