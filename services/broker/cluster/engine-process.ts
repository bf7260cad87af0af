import { readFileSync } from 'node:fs';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';

const NAME = 'nats-server';

/** Process id that the nats-server of this node wrote; 0 when there is none. */
export function readPid(file: string): number {
  try {
    const pid = Number(readFileSync(file, 'utf8').trim());
    return Number.isSafeInteger(pid) && pid > 1 ? pid : 0;
  } catch {
    return 0;
  }
}

/**
 * Ends that nats-server at once, for whoever supervises it to start it again. Does nothing when its
 * process is another by now, is stopped or is another program.
 */
export function endEngine(pid: number, pidFile: string, why: string, log: Logger): void {
  if (pid === 0 || readPid(pidFile) !== pid || !isRunning(pid)) return;
  log.error({ pid }, `${why}: it is ended`);
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    log.error({ pid }, `nats-server could not be ended: ${describeError(error)}`);
  }
}

/**
 * Whether it is a nats-server that could go on: one that was stopped sends no heartbeats either, and
 * whoever stopped it has a reason. proc(5): `pid (name) state …`.
 */
function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = stat.lastIndexOf(')');
    const name = stat.slice(stat.indexOf('(') + 1, end);
    return name === NAME && !'TtZX'.includes(stat.charAt(end + 2));
  } catch {
    return false;
  }
}
