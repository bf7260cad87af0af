import { readFileSync } from 'node:fs';

/** USER_HZ, which Linux fixes at 100 on every architecture that we run on. */
const TICK_MICROSECONDS = 10_000;

/** Processor time of a process so far, all of its threads, microseconds. */
export function processorTime(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name of the program may hold blanks and brackets; what follows its last bracket is fixed.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROSECONDS;
}
