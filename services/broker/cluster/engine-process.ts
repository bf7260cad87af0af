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
 * process is another by now, is another program or was stopped: whoever stopped it has a reason.
 */
export function endEngine(pid: number, pidFile: string, why: string, log: Logger): void {
  if (pid === 0 || readPid(pidFile) !== pid || !'RSD'.includes(stateOf(pid))) return;
  log.error({ pid }, `${why}: it is ended`);
  signal(pid, 'SIGKILL', log);
}

/** Has it stand still; nothing happens to one that does. */
export function stopEngine(pidFile: string, why: string, log: Logger): void {
  const pid = readPid(pidFile);
  if (!'RSD'.includes(stateOf(pid))) return;
  log.error({ pid }, `nats-server stands still: ${why}`);
  signal(pid, 'SIGSTOP', log);
}

/** Lets one go on that stands still. */
export function continueEngine(pidFile: string, log: Logger): void {
  const pid = readPid(pidFile);
  if (stateOf(pid) !== 'T') return;
  log.info({ pid }, 'nats-server goes on');
  signal(pid, 'SIGCONT', log);
}

function signal(pid: number, name: NodeJS.Signals, log: Logger): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    log.error({ pid }, `nats-server cannot be sent ${name}: ${describeError(error)}`);
  }
}

/**
 * State of a nats-server as in proc(5), `pid (name) state …`: R, S and D run, T was stopped; `?` for
 * none and for another program.
 */
function stateOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = stat.lastIndexOf(')');
    const name = stat.slice(stat.indexOf('(') + 1, end);
    return name === NAME ? stat.charAt(end + 2) : '?';
  } catch {
    return '?';
  }
}
