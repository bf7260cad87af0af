import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface Load {
  url: string;
  connections: number;
  seconds: number;
  /** Ask the server to close behind each response, so that every request is a new connection. */
  close?: boolean;
}

export interface LoadResult {
  requests: number;
  seconds: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** Refused, cut or late connections, and responses other than 2xx and 3xx. */
  failures: number;
}

const MILLISECONDS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/** Runs wrk with one thread: a load generator that costs less than what it measures. */
export async function runWrk({ url, connections, seconds, close }: Load): Promise<LoadResult> {
  const args = [
    ...['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--latency'],
    ...(close ? ['-H', 'Connection: close'] : []),
    url,
  ];
  const { stdout } = await promisify(execFile)('wrk', args);
  return parseWrk(stdout);
}

/** Reads wrk's report. Throws where that is none. */
export function parseWrk(text: string): LoadResult {
  const total = /(\d+) requests in ([\d.]+)(us|ms|s|m),/.exec(text);
  if (!total) throw new Error(`no report of wrk:\n${text}`);
  const percentile = (which: number): number => {
    const found = new RegExp(`^\\s+${which}%\\s+([\\d.]+)(us|ms|s|m)$`, 'm').exec(text);
    return found ? Number(found[1]) * MILLISECONDS[found[2]!]! : Number.NaN;
  };
  const errors = /connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
  const refused = /Non-2xx or 3xx responses: (\d+)/.exec(text);
  const counts = [...(errors?.slice(1) ?? []), refused?.[1] ?? 0].map(Number);
  return {
    requests: Number(total[1]),
    seconds: (Number(total[2]) * MILLISECONDS[total[3]!]!) / 1000,
    p50: percentile(50),
    p99: percentile(99),
    failures: counts.reduce((sum, count) => sum + count, 0),
  };
}
