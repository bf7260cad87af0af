import { readFileSync } from 'node:fs';

/** Resident memory of a process now, bytes; 0 when it is gone. */
export function rss(pid: number): number {
  return kilobytes(pid, 'VmRSS');
}

/** The most resident memory that a process has had, bytes; 0 when it is gone. */
export function peakRss(pid: number): number {
  return kilobytes(pid, 'VmHWM');
}

function kilobytes(pid: number, field: string): number {
  try {
    const match = new RegExp(`${field}:\\s+(\\d+) kB`).exec(
      readFileSync(`/proc/${pid}/status`, 'utf8'),
    );
    return Number(match?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
