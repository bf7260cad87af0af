import type { Server } from '../servers/server.ts';
import { askAgent } from './agent-check.ts';
import { runCheck } from './run.ts';
import type { RunningCheck } from './running-check.ts';

/** One thing that is asked again and again. */
export interface Task {
  /** Starts one round; `done` is called once unless it is cancelled. Undefined = not now. */
  run(done: () => void): RunningCheck | undefined;
  /** Milliseconds from the beginning of one round to that of the next. */
  pause(): number;
}

/**
 * The health check of a server. The pause follows from its state: `inter` when it is fully up,
 * `downinter` when it is fully down, `fastinter` in between (HAProxy manual, section 5.2).
 */
export function healthTask(server: Server): Task {
  return {
    run: (done) => {
      if (server.state === 'maint' || !server.checksEnabled) return undefined;
      return runCheck(server, (report) => {
        server.checked(report);
        done();
      });
    },
    pause: () => {
      const check = server.config.check!;
      const top = check.rise + check.fall - 1;
      if (server.state === 'maint' || server.health === top) return check.inter;
      return server.health === 0 ? check.downinter : check.fastinter;
    },
  };
}

/** The questions to the agent of a server, which go on in maintenance. */
export function agentTask(server: Server): Task {
  const config = server.config.health!.agent!;
  return {
    run: (done) => {
      if (!server.agentEnabled) return undefined;
      return askAgent(server, server.config.health?.agent ?? config, (report) => {
        server.agentChecked(report);
        done();
      });
    },
    pause: () => config.inter,
  };
}

/** Runs a task at its pace until it is stopped. */
export class Checker {
  readonly #task: Task;
  /** Part of the pause that chance may add or take away: `spread-checks`, 0 to 0.5. */
  readonly #spread: number;
  #timer: NodeJS.Timeout | undefined;
  #running: RunningCheck | undefined;
  #due = 0;
  #open = false;

  constructor(task: Task, spread = 0) {
    this.#task = task;
    this.#spread = spread;
  }

  /** The first round comes after `delay` milliseconds. */
  start(delay: number): void {
    this.#open = true;
    this.#schedule(delay);
  }

  /** Milliseconds until the next round; 0 while one is under way. */
  get wait(): number {
    return this.#running ? 0 : Math.max(0, this.#due - performance.now());
  }

  /** The next round comes in `delay` milliseconds at the latest. */
  hurry(delay: number): void {
    if (this.#running || performance.now() + delay >= this.#due) return;
    clearTimeout(this.#timer);
    this.#schedule(delay);
  }

  stop(): void {
    this.#open = false;
    clearTimeout(this.#timer);
    this.#running?.cancel();
    this.#running = undefined;
  }

  #schedule(delay: number): void {
    if (!this.#open) return;
    this.#due = performance.now() + delay;
    this.#timer = setTimeout(() => this.#run(), delay);
  }

  #run(): void {
    const started = performance.now();
    let finished = false;
    const next = (): void => {
      finished = true;
      this.#running = undefined;
      this.#schedule(Math.max(0, this.#pause() - (performance.now() - started)));
    };
    const running = this.#task.run(next);
    if (!running) next();
    else if (!finished) this.#running = running;
  }

  #pause(): number {
    const pause = this.#task.pause();
    return this.#spread === 0 ? pause : pause * (1 + this.#spread * (2 * Math.random() - 1));
  }
}
