import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { residentBytes } from './resident.ts';

/** What a process holds now. */
export interface Holdings {
  descriptors: number;
  /** Bytes. */
  resident: number;
  /** Bytes of heap that are used, garbage included. */
  heap: number;
}

const CLOSE = { headers: { connection: 'close' } };

/** Asks the system, and the process itself through its health port. */
export async function holdingsOf(pid: number, health: number): Promise<Holdings> {
  const metrics = await (await fetch(`http://127.0.0.1:${health}/metrics`, CLOSE)).text();
  const heap = Number(/^nodejs_heap_size_used_bytes (\S+)/m.exec(metrics)?.[1]);
  // The request above may still hold one.
  await sleep(20);
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    resident: residentBytes(pid),
    heap,
  };
}

/** Little room: the heap then shows what stays, and not what was not worth collecting yet. */
export const LITTLE_HEAP = '--max-old-space-size=40 --max-semi-space-size=4';

/** Cells of the statistics, by `proxy/server column`; empty ones are left out. */
export async function gaugesOf(
  url: string,
  columns: readonly string[],
): Promise<Record<string, number>> {
  const [head = '', ...rows] = (await (await fetch(url, CLOSE)).text()).trim().split('\n');
  const names = head.replace('# ', '').split(',');
  const gauges: Record<string, number> = {};
  for (const row of rows) {
    const cells = row.split(',');
    for (const column of columns) {
      const value = cells[names.indexOf(column)];
      if (value) gauges[`${cells[0]}/${cells[1]} ${column}`] = Number(value);
    }
  }
  return gauges;
}
