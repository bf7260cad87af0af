import { execFileSync, spawnSync } from 'node:child_process';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';

/** What is asked of systemd. Another one takes its place in tests of the logic alone. */
export interface ServiceManager {
  isActive(unit: string): boolean;
  daemonReload(): void;
  /** Does not wait until it has happened: the gate does. */
  ask(verb: 'start' | 'restart' | 'reload' | 'stop', units: readonly string[]): void;
}

const ACTIVE = new Set(['active', 'activating', 'reloading']);

export const systemd: ServiceManager = {
  isActive(unit) {
    const { stdout } = spawnSync('systemctl', ['is-active', unit], { encoding: 'utf8' });
    return ACTIVE.has((stdout ?? '').trim());
  },
  daemonReload() {
    systemctl('daemon-reload');
  },
  ask(verb, units) {
    if (units.length === 0) return;
    // What failed often enough is not started again by itself.
    if (verb !== 'stop') spawnSync('systemctl', ['reset-failed', ...units], { stdio: 'ignore' });
    if (verb === 'stop' || verb === 'reload') systemctl(verb, ...units);
    else systemctl('--no-block', verb, ...units);
  },
};

/** For how long a unit has run, milliseconds; undefined where it does not. */
export function activeFor(unit: string): number | undefined {
  const keys = '--property=ActiveState,ActiveEnterTimestampMonotonic';
  const { stdout } = spawnSync('systemctl', ['show', keys, unit], { encoding: 'utf8' });
  const [, since] = /^ActiveEnterTimestampMonotonic=(\d+)$/m.exec(stdout ?? '') ?? [];
  if (since === undefined || !/^ActiveState=active$/m.test(stdout)) return undefined;
  // Microseconds of CLOCK_MONOTONIC (org.freedesktop.systemd1(5)), as this process counts, too.
  return Number(process.hrtime.bigint() / 1_000_000n) - Number(since) / 1_000;
}

/** Throws PROCESS_EXITED with what systemctl says. */
function systemctl(...args: string[]): void {
  try {
    execFileSync('systemctl', args, { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (cause) {
    const said = (cause as { stderr?: string }).stderr?.trim();
    const why = said === undefined || said === '' ? describeError(cause) : said;
    throw new BrambleError(ERROR_CODES.PROCESS_EXITED, `systemctl ${args.join(' ')}: ${why}`, {
      cause,
      hint: 'see: journalctl -b -u "bramble-*"',
    });
  }
}
