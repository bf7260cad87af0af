import type { LogLine } from '../supervise/log-line.ts';
import type { ProcessExit } from '../supervise/supervised-process.ts';
import type { Summary } from './summary.ts';

/** What `bramble dev` tells while it runs: once for people, once for scripts. */
export interface Output {
  note(text: string): void;
  started(name: string, pid: number): void;
  processReady(name: string, pid: number, after: number): void;
  exited(name: string, exit: ProcessExit): void;
  complaint(name: string, line: LogLine): void;
  /** Everything is up. */
  ready(summary: Summary): void;
  stopping(why: string): void;
  stopped(): void;
}
