import type { BindConfig, Position } from '../model.ts';

/** What a session at the runtime socket may do: HAProxy 2.6 management guide, section 9.3. */
export const LEVELS = ['user', 'operator', 'admin'] as const;
export type Level = (typeof LEVELS)[number];

/** Whether who has `level` may do what needs `needed`. */
export const allows = (level: Level, needed: Level): boolean =>
  LEVELS.indexOf(level) >= LEVELS.indexOf(needed);

/** One `stats socket` line, or one `-S`. */
export interface RuntimeSocketConfig {
  host: string;
  port: number;
  fd?: number | undefined;
  owner?: BindConfig['owner'];
  level: Level;
  /** Commands may name a process in front (`-S`). */
  master?: boolean;
  /** As `show cli sockets` has it. */
  label: string;
  position: Position;
}

export interface RuntimeConfig {
  sockets: RuntimeSocketConfig[];
  /** `stats timeout`: how long a session may be silent, milliseconds. */
  timeout: number;
  /** `stats maxconn`: sessions at a time, over all sockets. */
  maxconn: number;
}

/** HAProxy's defaults. */
export const newRuntimeConfig = (): RuntimeConfig => ({
  sockets: [],
  timeout: 10_000,
  maxconn: 10,
});
