import { EventEmitter } from 'node:events';
import type { ServerConfig } from '../model.ts';
import type { Backend } from './backend.ts';
import { Counters } from './counters.ts';
import { type CheckReport, type CheckStatus, type ServerState, verdictOf } from './types.ts';
import { WaitQueue } from './wait-queue.ts';

interface ServerEvents {
  /** It stopped serving: planes close idle connections, and cut live ones where configured. */
  down: [];
  up: [];
}

/**
 * One server of a backend: its health as a counter (HAProxy's rule, manual section 5.2 `rise` and
 * `fall`), its places and its queue.
 *
 * `health` runs from 0 to rise + fall - 1; it serves at `rise` or more. A good check in between
 * moves it up by one and, once it serves, straight to the top; a failed one moves it down by one
 * and, once it no longer serves, straight to 0. It starts at `rise`: serving, and down at the
 * first failed check.
 */
export class Server extends EventEmitter<ServerEvents> {
  readonly config: ServerConfig;
  readonly backend: Backend;
  readonly counters = new Counters();
  /** Sessions that may only go to this server. */
  readonly queue = new WaitQueue();
  /** 0..256; 0 = gets no new session by balancing. */
  weight: number;
  checkStatus: CheckStatus = 'UNK';
  /** Of the last check, milliseconds; undefined = never checked. */
  checkDuration: number | undefined;
  checkCode: number | undefined;
  checkInfo: string | undefined;
  /** Failed checks while not fully down, and how often it went down (CSV chkfail, chkdown). */
  checksFailed = 0;
  timesDown = 0;
  /** When it last went up or down, milliseconds since the epoch. */
  lastChange: number;
  #health: number;
  #admin: 'ready' | 'maint' | 'drain';
  #downtime = 0;
  /** Its last passed check asked for no more sessions. */
  #stopping = false;

  constructor(config: ServerConfig, backend: Backend, now: number) {
    super();
    this.config = config;
    this.backend = backend;
    this.weight = config.weight;
    this.lastChange = now;
    this.#health = config.check?.rise ?? 0;
    this.#admin = config.disabled ? 'maint' : 'ready';
    if (config.check) this.checkStatus = 'INI';
  }

  /** Sessions that hold a place, those still connecting included. */
  get cur(): number {
    return this.counters.scur;
  }

  get health(): number {
    return this.#health;
  }

  get state(): ServerState {
    const { check } = this.config;
    if (this.#admin === 'maint') return 'maint';
    if (!check) return this.#admin === 'drain' ? 'drain' : 'no-check';
    if (this.#health === 0) return 'down';
    if (this.#health < check.rise) return 'going-up';
    if (this.#admin === 'drain') return 'drain';
    if (this.#stopping) return 'stopping';
    return this.#health < check.rise + check.fall - 1 ? 'going-down' : 'up';
  }

  /** Whether it answers, as far as is known: sessions that must go here may. */
  get running(): boolean {
    if (this.#admin === 'maint') return false;
    const { check } = this.config;
    return check === undefined || this.#health >= check.rise;
  }

  /** Whether balancing may choose it. */
  get usable(): boolean {
    return this.running && this.#admin === 'ready' && this.weight > 0 && !this.#stopping;
  }

  /** Whether a new session would have to wait. */
  get full(): boolean {
    const { maxconn } = this.config;
    return maxconn !== undefined && (this.queue.length > 0 || this.counters.scur >= maxconn);
  }

  /** Milliseconds not serving, up to now. */
  downtime(now: number = Date.now()): number {
    return this.running ? this.#downtime : this.#downtime + (now - this.lastChange);
  }

  /** Takes in the result of one check. */
  checked(report: CheckReport): void {
    const { check } = this.config;
    if (!check) return;
    const verdict = verdictOf(report.status);
    const statusChanged = report.status !== this.checkStatus;
    this.checkStatus = report.status;
    this.checkDuration = report.duration;
    this.checkCode = report.code;
    this.checkInfo = report.info;
    const before = this.#health;
    const wasRunning = this.running;
    const wasUsable = this.usable;
    const wasStopping = this.#stopping;
    if (verdict === 'failed') this.#failed(check.rise);
    else this.#passed(check.rise, check.fall);
    this.backend.checkLogged(this, verdict, statusChanged || this.#health !== before);
    if (verdict !== 'failed') this.#stopping = verdict === 'conditional';
    else if (!this.running) this.#stopping = false;
    if (this.running !== wasRunning) this.#turned(wasUsable);
    else if (this.running && this.#stopping !== wasStopping) this.#leaned(wasUsable);
  }

  #passed(rise: number, fall: number): void {
    const top = rise + fall - 1;
    if (this.#health >= top) return;
    this.#health += 1;
    if (this.#health >= rise) this.#health = top;
  }

  #failed(rise: number): void {
    if (this.#health === 0) return;
    this.checksFailed += 1;
    this.#health -= 1;
    if (this.#health < rise) this.#health = 0;
  }

  #turned(wasUsable: boolean): void {
    const now = Date.now();
    const { running } = this;
    if (running) this.#downtime += now - this.lastChange;
    else this.timesDown += 1;
    this.lastChange = now;
    this.backend.serverTurned(this, wasUsable);
    this.emit(running ? 'up' : 'down');
  }

  /** Left or came back to balancing without going down. */
  #leaned(wasUsable: boolean): void {
    this.lastChange = Date.now();
    this.backend.serverTurned(this, wasUsable);
  }
}
