import type { Readiness } from './readiness.ts';

/** One process to keep running. */
export interface ProcessSpec {
  /** `balancer`, `stats`, `broker-N`, `nats-N`. */
  name: string;
  /** The node that it belongs to, as in cluster.yaml. */
  node?: string;
  command: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Opens an IPC channel: our own services report ready there, and stop when it closes. */
  ipc: boolean;
  ready: Readiness;
  /** Names of the processes that must have been ready once before this one starts. */
  after: readonly string[];
  /** SIGTERM, unless the program drains on another one. */
  stopSignal: NodeJS.Signals;
  log: string;
}
