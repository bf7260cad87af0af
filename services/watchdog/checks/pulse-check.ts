import { readFileSync } from 'node:fs';
import type { Check } from './check.ts';

/**
 * For what answers nobody, and has something to do every second: it was on a processor since it was
 * asked last. The kernel counts how often it went to sleep by itself (proc(5), status).
 */
export class PulseCheck implements Check {
  readonly name: string;
  readonly #pidFile: string;
  #pid = 0;
  #sleeps = -1;

  /** `pidFile`: where it writes its process id. */
  constructor(pidFile: string) {
    this.#pidFile = pidFile;
    this.name = `the process of ${pidFile}`;
  }

  async run(): Promise<void> {
    const pid = Number(readFileSync(this.#pidFile, 'utf8').trim());
    if (!Number.isSafeInteger(pid) || pid < 2) throw new Error('has no process id');
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const sleeps = Number(/^voluntary_ctxt_switches:\s*(\d+)$/m.exec(status)?.[1] ?? -1);
    const stands = pid === this.#pid && sleeps === this.#sleeps;
    this.#pid = pid;
    this.#sleeps = sleeps;
    if (!stands) return;
    const state = /^State:\s*(.+)$/m.exec(status)?.[1] ?? 'unknown';
    throw new Error(`stands still, in state ${state}`);
  }
}
