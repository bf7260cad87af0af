import type { ProxyLog } from '../log/balancer-log.ts';
import type { LogRecord } from '../log/record.ts';
import type { ProxyConfig } from '../model.ts';
import type { Directory } from '../samples/scope.ts';
import type { Backend } from '../servers/backend.ts';
import { Counters } from '../servers/counters.ts';
import type { FrontendContext } from '../servers/types.ts';
import type { Admission } from './admission.ts';

/** The client side of a `frontend` or `listen`. */
export class Frontend implements FrontendContext {
  readonly config: ProxyConfig;
  readonly counters = new Counters();
  directory: Directory | undefined;
  readonly #backend: Backend | undefined;
  readonly #log: ProxyLog;
  readonly #admission: Admission;

  constructor(
    config: ProxyConfig,
    backend: Backend | undefined,
    log: ProxyLog,
    admission: Admission,
  ) {
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
}
