import type { ProxyLog } from '../log/balancer-log.ts';
import type { LogRecord } from '../log/record.ts';
import type { ProxyConfig } from '../model.ts';
import type { Directory } from '../samples/scope.ts';
import type { Backend } from '../servers/backend.ts';
import { Counters } from '../servers/counters.ts';
import type { Sharing } from '../servers/sharing.ts';
import type { FrontendContext } from '../servers/types.ts';
import type { Admission } from './admission.ts';
import { Entrance } from './entrance.ts';

/** `paused` takes nobody until it is resumed, `stopped` nobody any more. */
export type FrontendState = 'open' | 'paused' | 'stopped';

/** The client side of a `frontend` or `listen`. */
export class Frontend implements FrontendContext {
  readonly config: ProxyConfig;
  counters: Counters;
  readonly entrance: Entrance | undefined;
  directory: Directory | undefined;
  state: FrontendState = 'open';
  /** Connections that came in under this configuration and are still there. */
  live = 0;
  readonly #backend: Backend | undefined;
  readonly #log: ProxyLog;
  readonly #admission: Admission;
  /** Shared by what it was and what it becomes, so that nobody keeps what lay in between. */
  #lineage: { current: Frontend } = { current: this };
  #retired = false;

  constructor(
    config: ProxyConfig,
    backend: Backend | undefined,
    log: ProxyLog,
    admission: Admission,
    sharing?: Sharing,
  ) {
    this.entrance = sharing && new Entrance(sharing, config);
    this.counters = sharing?.counters(`frontend ${config.name}`) ?? new Counters();
    this.config = config;
    this.#backend = backend;
    this.#log = log;
    this.#admission = admission;
  }

  backendFor(): Backend | undefined {
    return this.#backend;
  }

  get logging(): boolean {
    return this.#log.active;
  }

  log(record: LogRecord): void {
    this.#log.session(record);
  }

  actconn(): number {
    return this.#admission.current;
  }

  /** Goes on from where the frontend of this name stood before a reload. */
  takeOver(previous: Frontend): void {
    this.counters = previous.counters;
    this.#lineage = previous.#lineage;
    this.#lineage.current = this;
  }

  /** A reload has left it out: who is still there finishes, and nobody comes. */
  retire(): void {
    this.#retired = true;
  }

  /** Itself, or what it became by reloads. */
  get current(): Frontend {
    return this.#lineage.current;
  }

  get retired(): boolean {
    return this.#retired;
  }
}
