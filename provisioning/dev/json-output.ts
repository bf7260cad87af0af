import type { LogLine } from '../supervise/log-line.ts';
import type { ProcessExit } from '../supervise/supervised-process.ts';
import type { Output } from './output.ts';
import type { Summary } from './summary.ts';

/** One JSON object a line, nothing else. `at` is milliseconds since the epoch. */
export class JsonOutput implements Output {
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  note(text: string): void {
    this.#event('note', { text });
  }
  started(name: string, pid: number): void {
    this.#event('started', { name, pid });
  }
  processReady(name: string, pid: number, after: number): void {
    this.#event('process-ready', { name, pid, after });
  }
  exited(name: string, { pid, code, signal, reason, expected, restartIn }: ProcessExit): void {
    this.#event('exited', { name, pid, code, signal, reason, expected, restartIn });
  }
  complaint(name: string, { severity, text }: LogLine): void {
    this.#event('log', { name, level: severity, text });
  }
  ready({ ports, took }: Summary): void {
    this.#event('ready', { ports, took });
  }
  stopping(why: string): void {
    this.#event('stopping', { why });
  }
  stopped(): void {
    this.#event('stopped', {});
  }

  #event(event: string, fields: Record<string, unknown>): void {
    this.#write(`${JSON.stringify({ event, at: Date.now(), ...fields })}\n`);
  }
}
