import type { Entrance } from '../listeners/entrance.ts';
import type { Level, LogRecord } from '../log/record.ts';
import type { ProxyConfig } from '../model.ts';
import type { Directory } from '../samples/scope.ts';
import type { StickTable } from '../stickiness/table/table.ts';
import type { Backend } from './backend.ts';
import type { Counters } from './counters.ts';
import type { LiveSession } from './live-session.ts';
import type { Server } from './server.ts';

/**
 * `up` and `down` are settled. `going-down` still serves but has failed its last check (or was
 * never checked yet); `going-up` does not serve yet but has passed its last check. `stopping` asked
 * to be left out of balancing, and still serves those who must go to it.
 */
export type ServerState =
  | 'stopping'
  | 'up'
  | 'going-down'
  | 'down'
  | 'going-up'
  | 'no-check'
  | 'maint'
  | 'drain';

/** The result of one health check, in HAProxy's terms (management guide, `check_status`). */
export type CheckStatus =
  | 'UNK'
  | 'INI'
  | 'SOCKERR'
  | 'L4OK'
  | 'L4TOUT'
  | 'L4CON'
  | 'L6OK'
  | 'L6TOUT'
  | 'L6RSP'
  | 'L7OK'
  | 'L7OKC'
  | 'L7TOUT'
  | 'L7RSP'
  | 'L7STS'
  | 'PROCERR'
  | 'PROCTOUT'
  | 'PROCOK'
  | 'HANA'
  | 'CHECKED';

/** What one result means for the server. */
export type CheckVerdict = 'passed' | 'conditional' | 'failed';

const PASSED: readonly CheckStatus[] = ['L4OK', 'L6OK', 'L7OK', 'PROCOK'];

export function verdictOf(status: CheckStatus): CheckVerdict {
  if (PASSED.includes(status)) return 'passed';
  return status === 'L7OKC' ? 'conditional' : 'failed';
}

/** Why a server turned: a check's result, or somebody's order. */
export type TurnCause =
  | 'check'
  /** Somebody said what its health is. */
  | 'order'
  | 'maintenance'
  | 'drain'
  | 'drain-from-maint'
  | 'ready-from-maint'
  | 'ready-from-drain'
  /** The server that it tracks turned. */
  | 'tracking';

/** What an agent said; `up` is undefined where that is not about its state. */
export interface AgentReport extends CheckReport {
  up?: boolean | undefined;
}

export interface CheckReport {
  status: Exclude<CheckStatus, 'UNK' | 'INI'>;
  /** Milliseconds; undefined = it was no check that took time. */
  duration?: number;
  /** Layer 5..7 code (HTTP status), where the check has one. */
  code?: number;
  /** What the system or peer said (`Connection refused`). */
  info?: string;
}

/** A place on a server, held by one session. */
export interface Assignment {
  readonly server: Server;
  /** Milliseconds spent in a queue. */
  readonly waited: number;
  /** Positions that it had in the queues, as `left` of the options tells them. */
  readonly serverQueue: number;
  readonly backendQueue: number;
  /** Gives the place back and wakes who waits for it. Idempotent. */
  release(): void;
}

export interface AssignOptions {
  /** Taken only when there is no other: the server that has just failed. */
  avoid?: Server | undefined;
  /** Of the session's key, where the algorithm has one (`Backend.hash`). */
  hash?: number | undefined;
  /** Told at once which server it waits for, or whose queue is full, where it is a certain one. */
  chosen?: ((server: Server) => void) | undefined;
  /** Leaves the queue when aborted. */
  signal?: AbortSignal | undefined;
  /**
   * Told on leaving a queue, for whatever reason: positions in the server's and in the backend's
   * queue, counted from 1 as in HAProxy's logs; 0 for the queue that it was not in.
   */
  left?: ((serverQueue: number, backendQueue: number) => void) | undefined;
}

/** What a plane needs to know of the frontend that a connection came in on. */
export interface FrontendContext {
  readonly config: ProxyConfig;
  readonly counters: Counters;
  /** The proxies of the configuration; set once they are all there. */
  readonly directory?: Directory | undefined;
  /** Whether it takes connections (default `open`). */
  readonly state?: 'open' | 'paused' | 'stopped';
  /** The default backend; undefined when the frontend has none. */
  backendFor(): Backend | undefined;
  /** Whether this proxy logs at all; where not, nobody need gather a record. */
  readonly logging: boolean;
  /** What it became by reloads (itself without one), and whether one has left it out. */
  readonly current?: FrontendContext;
  readonly retired?: boolean;
  /** Connections that came in under this configuration and are still there. */
  live?: number;
  /** Formats and sends one line. */
  log(record: LogRecord): void;
  /** Where several workers let clients in. */
  readonly entrance?: Entrance | undefined;
  /** Connections of the whole process now, `actconn` of the logs. */
  actconn(): number;
}

/** Everything that statistics may look at; provided by the composed balancer. */
export interface StatsView {
  readonly frontends: readonly FrontendContext[];
  /** Backends and the server side of `listen`, in configuration order. */
  readonly backends: readonly Backend[];
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Stick-tables of the configuration in force. */
  readonly tables?: Iterable<Pick<StickTable, 'config' | 'used'>>;
  /** Sessions under way. */
  sessions?(): Iterable<LiveSession>;
  /** Carries out a form of the page where that is another worker's to do. */
  readonly onForm?: ((form: string) => void) | undefined;
  /** Other workers, who are to know of it. */
  readonly crew?: { refresh(): void } | undefined;
}

/**
 * Told of what happens to servers. `level` is the log line's severity in syslog; the terminal gets
 * HAProxy's own words where they differ.
 */
export type EventReport = (level: Level, message: string, forTerminal?: string) => void;
