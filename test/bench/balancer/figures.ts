import type { Plane } from './subjects.ts';

/** What one proxy did in one scenario. */
export interface Figure {
  rate: number;
  /** Milliseconds. */
  p99: number;
  /** Processor time of the proxy for each request, microseconds. */
  cost: number;
  failures: number;
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
