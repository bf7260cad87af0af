import { execFile } from 'node:child_process';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';

/** Milliseconds for one systemctl; a restart waits for the old process to drain. */
const TIMEOUT = 150_000;
const CAPTURED_LINES = '400';
/** What is kept of what services said before they were restarted. */
const CAPTURES = 20;

/** What the watchdog asks of systemd, by its own commands: systemctl(1), journalctl(1). */
export class Systemd {
  readonly #captures: string;

  /** `captures`: the directory for what a service said before it was restarted. */
  constructor(captures: string) {
    this.#captures = captures;
  }

  /**
   * `stopped`: somebody has stopped the unit, or it is not meant to run here, so it is none of our
   * business. `coming`: systemd starts it, is about to, or started it less than
   * `young` milliseconds ago. Whether it is enabled says nothing: the image's target wants its units from /usr.
   */
  async stateOf(unit: string, young: number): Promise<'runs' | 'coming' | 'stopped'> {
    const keys = 'ActiveState,LoadState,ExecMainStartTimestampMonotonic';
    const text = await run('systemctl', ['show', `--property=${keys}`, unit]);
    const shown = new Map(
      text.split('\n').map((line) => line.split('=', 2) as [string, string | undefined]),
    );
    // Not there, or masked.
    if (shown.get('LoadState') !== 'loaded') return 'stopped';
    const active = shown.get('ActiveState');
    // Stopped by hand, or by a condition that this node does not meet.
    if (active === 'inactive') return 'stopped';
    // Microseconds of CLOCK_MONOTONIC (org.freedesktop.systemd1(5)), as this process counts, too.
    const started = Number(shown.get('ExecMainStartTimestampMonotonic') ?? 0) / 1_000;
    const age = Number(process.hrtime.bigint() / 1_000_000n) - started;
    return active === 'activating' || age < young ? 'coming' : 'runs';
  }

  async restart(unit: string): Promise<void> {
    await run('systemctl', ['restart', unit]);
  }

  async reboot(): Promise<void> {
    await run('systemctl', ['reboot']);
  }

  /** Keeps the last lines that a unit wrote, since the journal in memory is gone after a reboot. */
  async capture(unit: string, now: Date): Promise<void> {
    const text = await run('journalctl', [
      ...['--unit', unit, '--lines', CAPTURED_LINES],
      ...['--no-pager', '--output', 'short-iso-precise'],
    ]);
    await mkdir(this.#captures, { recursive: true, mode: 0o750 });
    const stamp = now.toISOString().replace(/[:.]/g, '-');
    await writeFile(path.join(this.#captures, `${stamp}-${unit}.log`), text, { mode: 0o640 });
    const kept = (await readdir(this.#captures)).sort();
    for (const old of kept.slice(0, -CAPTURES)) await rm(path.join(this.#captures, old));
  }
}

function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: TIMEOUT, maxBuffer: 8 << 20 };
    execFile(program, args, options, (cause, stdout, stderr) => {
      if (cause === null) return resolve(stdout);
      const told = stderr.trim().split('\n')[0] ?? '';
      const what = `${program} ${args[0]} failed${told === '' ? '' : `: ${told}`}`;
      // Node's own error repeats the command and all that it told.
      const why = told === '' ? { cause } : {};
      reject(new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, what, why));
    });
  });
}
