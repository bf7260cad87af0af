import { EventEmitter } from 'node:events';
import type { ServerConfig } from '../model.ts';
import type { AdminState } from './admin-state.ts';
import { AgentState } from './agent-state.ts';
import type { Backend } from './backend.ts';
import { Counters } from './counters.ts';
import { limitAt } from './limit.ts';
import { type Places, serverScope } from './sharing.ts';
import { Standing } from './standing.ts';
import type { CheckReport, CheckStatus, ServerState } from './types.ts';
import { WarmUp } from './warm-up.ts';

export interface ServerEvents {
  /** It stopped serving: planes close idle connections, and cut live ones where configured. */
  down: [];
  up: [];
  /** Its address changed: idle connections lead to the old one. */
  moved: [];
  /** Its next check should come soon. */
  suspect: [];
}

/**
 * How a server stands at this moment: whether it serves, whether balancing may choose it, how much
 * it may take (HAProxy manual, section 5.2). What changes that is the `Server`'s.
 */
export abstract class Condition<Self extends Condition<Self>> extends EventEmitter<ServerEvents> {
  /** As configured, but for the address, which may change while it runs. */
  config: ServerConfig;
  readonly backend: Backend;
  counters: Counters;
  /** Where its places are counted when several workers give them out. */
  readonly places: Places | undefined;
  /** 0..256; 0 = gets no new session by balancing. */
  weight: number;
  /** Most sessions at a time (`maxconn`); undefined = any number. */
  maxconn: number | undefined;
  /** Connections to it that are being established. */
  pending = 0;
  /** Whether its checks, and the questions to its agent, are to run (`disable health`). */
  checksEnabled = true;
  agentEnabled = true;
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
  /** Result of the last check, or word of the agent, that turned it. */
  lastOutcome: CheckReport | undefined;
  readonly agent: AgentState | undefined;
  /** Its health, and what was ordered for it; changed by the server itself and by reloads alone. */
  readonly standing: Standing;
  protected readonly warmUp: WarmUp;
  /** The server whose state is this one's, and what has been taken over from it. */
  protected leader: Self | undefined;
  protected follows = { running: true, leaving: false };

  constructor(config: ServerConfig, backend: Backend, now: number) {
    super();
    this.config = config;
    this.backend = backend;
    const scope = serverScope(backend.config.name, config.name);
    this.counters = backend.sharing?.counters(scope) ?? new Counters();
    this.places = backend.sharing?.places(scope);
    this.weight = config.weight;
    this.maxconn = config.maxconn;
    this.lastChange = now;
    this.standing = new Standing(config.check, config.disabled);
    this.warmUp = new WarmUp(config.slowstart, backend.dynamic);
    if (config.check) this.checkStatus = 'INI';
    if (config.health?.agent) this.agent = new AgentState();
  }

  /** Sessions that hold a place, those still connecting included. */
  get cur(): number {
    return this.places?.taken ?? this.counters.scur;
  }

  get health(): number {
    return this.standing.health;
  }

  get state(): ServerState {
    const { check } = this.config;
    if (this.standing.admin === 'maint') return 'maint';
    if (this.leader) return this.standing.admin === 'drain' ? 'drain' : this.leader.state;
    if (this.agent && !this.agent.up) return 'down';
    if (!check) return this.standing.admin === 'drain' ? 'drain' : 'no-check';
    if (this.standing.health === 0) return 'down';
    if (this.standing.health < check.rise) return 'going-up';
    if (this.standing.admin === 'drain') return 'drain';
    if (this.standing.stopping) return 'stopping';
    return this.standing.health < check.rise + check.fall - 1 ? 'going-down' : 'up';
  }

  /** Whether it answers, as far as is known: sessions that must go here may. */
  get running(): boolean {
    if (this.standing.admin === 'maint') return false;
    if (this.leader) return this.follows.running;
    if (this.agent && !this.agent.up) return false;
    const { check } = this.config;
    return check === undefined || this.standing.health >= check.rise;
  }

  /** Whether balancing may choose it. */
  get usable(): boolean {
    if (!this.running || this.standing.admin !== 'ready' || this.weight === 0) return false;
    return !(this.leader ? this.follows.leaving : this.standing.stopping);
  }

  /** Whether it asked, or was ordered, to get no new sessions by balancing. */
  get leaving(): boolean {
    const leaving = this.leader ? this.follows.leaving : this.standing.stopping;
    return this.standing.admin !== 'ready' || leaving;
  }

  /** The server whose state is this one's (`track`). */
  get tracked(): Self | undefined {
    return this.leader;
  }

  /** What was ordered for it. */
  get admin(): AdminState {
    return this.standing.admin;
  }

  /** The weight on the scale that balancing uses, sixteenths; less while it starts slowly. */
  get effectiveWeight(): number {
    return this.warmUp.weight(this.weight);
  }

  /** Percent of its weight that counts while it starts slowly; undefined = all of it. */
  get throttle(): number | undefined {
    if (!this.warmUp.active || !this.usable) return undefined;
    return Math.floor((100 * this.effectiveWeight) / (16 * this.weight));
  }

  /**
   * Most sessions at this moment: between `minconn` and `maxconn` as the backend fills up to
   * `fullconn`, and less while it starts slowly (manual, `minconn`, `fullconn`, `slowstart`).
   */
  get limit(): number | undefined {
    return this.limitAt(this.backend.counters.present);
  }

  /** The limit while the backend has so many sessions. */
  limitAt(sessions: number): number | undefined {
    const limit = limitAt(
      this.maxconn,
      this.config.minconn,
      this.backend.config.fullconn,
      sessions,
    );
    return limit === undefined ? undefined : this.warmUp.limit(limit);
  }

  /** Milliseconds not serving, up to now. */
  downtime(now: number = Date.now()): number {
    return this.running ? this.standing.downtime : this.standing.downtime + (now - this.lastChange);
  }
}
