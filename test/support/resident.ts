import { readFileSync } from 'node:fs';

/** Resident memory of a process of ours, in bytes. */
export function residentBytes(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (!found) throw new Error(`process ${pid} has no resident memory`);
  return Number(found[1]) * 1024;
}
