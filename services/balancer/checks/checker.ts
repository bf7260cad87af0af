import type { Server } from '../servers/server.ts';
import type { CheckReport } from '../servers/types.ts';
import { runCheck } from './run.ts';
import type { RunningCheck } from './running-check.ts';

/**
 * Checks one server again and again. The pause follows from its state: `inter` when it is fully
 * up, `downinter` when it is fully down, `fastinter` in between (HAProxy manual, section 5.2).
 */
export class Checker {
  readonly server: Server;
  #timer: NodeJS.Timeout | undefined;
  #running: RunningCheck | undefined;
  #open = false;

  constructor(server: Server) {
    this.server = server;
  }

  /** The first check comes after `delay` milliseconds. */
  start(delay: number): void {
    this.#open = true;
    this.#schedule(delay);
  }

  stop(): void {
    this.#open = false;
    clearTimeout(this.#timer);
    this.#running?.cancel();
    this.#running = undefined;
  }

  #schedule(delay: number): void {
    if (this.#open) this.#timer = setTimeout(() => this.#run(), delay);
  }

  #run(): void {
    const { server } = this;
    const started = performance.now();
    if (server.state === 'maint') {
      this.#schedule(this.#pause());
      return;
    }
    const done = (report: CheckReport): void => {
      this.#running = undefined;
      server.checked(report);
      this.#schedule(Math.max(0, this.#pause() - (performance.now() - started)));
    };
    this.#running = runCheck(server, done);
  }

  #pause(): number {
    const check = this.server.config.check!;
    switch (this.server.state) {
      case 'down':
        return check.downinter;
      case 'going-up':
      case 'going-down':
        return check.fastinter;
      default:
        return check.inter;
    }
  }
}
