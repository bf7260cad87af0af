import type { Server } from '../servers/server.ts';
import type { CheckReport } from '../servers/types.ts';
import { checkHttp } from './http-check.ts';
import type { RunningCheck } from './running-check.ts';
import { checkTcp } from './tcp-check.ts';

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
    const { httpCheck } = server.backend.config;
    if (httpCheck) {
      // A server that is down stays so until it says more than "leave me alone".
      const drains = httpCheck.disableOn404 && server.running;
      const limits = { connect: this.#limit(), answer: this.#answerLimit() };
      this.#running = checkHttp(server.config, httpCheck, { limits, drains }, done);
    } else {
      this.#running = checkTcp(server.config, this.#limit(), done);
    }
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

  /**
   * HAProxy manual, `timeout check`: where it is set, a check's connection has the shorter of
   * `timeout connect` and `inter`; else `inter` is for all of the check.
   */
  #limit(): number {
    const { inter } = this.server.config.check!;
    const { check, connect } = this.server.backend.config.timeouts;
    return check === undefined || connect === undefined ? inter : Math.min(inter, connect);
  }

  /** How long the answer may take once the connection stands: the longer of the two, as HAProxy. */
  #answerLimit(): number {
    const { check } = this.server.backend.config.timeouts;
    return Math.max(this.server.config.check!.inter, check ?? 0);
  }
}
