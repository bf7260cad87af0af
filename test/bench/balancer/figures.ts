import type { Plane } from './subjects.ts';

/** What one proxy did in one scenario. */
export interface Figure {
  rate: number;
  /** Milliseconds. */
  p99: number;
  /** Processor time of the proxy for each request, microseconds. */
  cost: number;
  failures: number;
  /** Bytes of memory that the proxy holds right behind the load. */
  resident: number;
}

/** Of each figure its median over several rounds; failures are added up. */
export function medianOf(rounds: readonly Figure[]): Figure {
  const median = (key: keyof Figure): number => {
    const sorted = rounds.map((round) => round[key]).toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)]!;
  };
  const failures = rounds.reduce((sum, round) => sum + round.failures, 0);
  return {
    rate: median('rate'),
    p99: median('p99'),
    cost: median('cost'),
    failures,
    resident: median('resident'),
  };
}

export interface Row {
  name: string;
  /** Of the rate. */
  unit: string;
  /** By name of the proxy. */
  figures: Record<string, Figure>;
}

/** Bytes of resident memory for each of `count` idle connections, by name of the proxy. */
export interface Memory {
  plane: Plane;
  count: number;
  bytes: Record<string, number>;
}
