import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readProc } from './proc.ts';

/** proc(5), /proc/net/tcp: the state column's value for LISTEN. */
const LISTEN = '0A';

/**
 * Which process listens on a TCP port, as `name (pid N)`; undefined where the system does not tell
 * (another user's process, no /proc).
 */
export function listenerName(port: number): string | undefined {
  const inodes = new Set(['tcp', 'tcp6'].flatMap((table) => listeningInodes(table, port)));
  if (inodes.size === 0) return undefined;
  for (const pid of numbersIn('/proc')) {
    if (!holds(pid, inodes)) continue;
    const program = readProc(pid)?.args[0]?.split('/').at(-1);
    return program === undefined ? `pid ${pid}` : `${program} (pid ${pid})`;
  }
  return undefined;
}

function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readOr(`/proc/net/${table}`)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === LISTEN && local?.endsWith(suffix))
    .map((fields) => fields[9] ?? '');
}

function holds(pid: number, inodes: ReadonlySet<string>): boolean {
  return numbersIn(`/proc/${pid}/fd`).some((fd) => {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode !== undefined && inodes.has(inode);
    } catch {
      return false;
    }
  });
}

function numbersIn(dir: string): number[] {
  try {
    return readdirSync(dir).map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
