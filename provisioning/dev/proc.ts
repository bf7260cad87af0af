import { readFileSync } from 'node:fs';

/** What /proc tells about a process; undefined when there is none of that pid. */
export interface ProcInfo {
  /** Clock ticks from boot to its start: with the pid, unique until the next boot. */
  startTime: string;
  /** Its command line. */
  args: readonly string[];
}

/** proc(5): `starttime` is field 22 of stat; the name in field 2 may hold spaces and parentheses. */
const START_TIME_AFTER_NAME = 19;

export function readProc(pid: number): ProcInfo | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended; only its parent has not asked yet.
    if (fields[0] === 'Z') return undefined;
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    return { startTime: fields[START_TIME_AFTER_NAME] ?? '', args };
  } catch {
    return undefined;
  }
}
