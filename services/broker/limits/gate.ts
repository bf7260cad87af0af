import type { Audit } from '../auth/audit.ts';
import { REASON } from '../codec/reason.ts';
import type { EndCause } from '../connection/connection.ts';
import type { Limits } from '../context.ts';
import type { Arrival, Doorkeeper } from '../link/arrival.ts';
import { TrustedAddresses } from '../link/trusted.ts';
import { Addresses, type AddressState, addressKey } from './addresses.ts';
import { type BanKind, Bans } from './bans.ts';
import { HalfOpen } from './half-open.ts';
import { BURST_SECONDS, TokenBucket } from './token-bucket.ts';
import { WindowCount } from './window-count.ts';

/** Why somebody may not connect; `reason` is the MQTT 5 reason code. */
export interface GateRefusal {
  reason: number;
  why: string;
}

interface Entered extends Arrival {
  state: AddressState | undefined;
  exempt: boolean;
  /** Counts as half-open with its address. */
  waiting: boolean;
  refusedFor: string;
}

/** Connections that wait only to be told that they are refused; beyond, they go without a word. */
const REFUSED_WAITING_MAX = 256;

/**
 * The limits that hold before a client is in: half-open connections, connections and their rate by
 * address and for the node, bans. Addresses in `limits.exempt` are not limited by address and
 * cannot be banned: on them sit the cluster's own machines and tests.
 */
export class Gate implements Doorkeeper {
  readonly bans = new Bans();
  readonly addresses = new Addresses();
  readonly halfOpen = new HalfOpen();
  /** CONNECTs refused, by what refused them. */
  readonly refused = { rate: 0, banned: 0, connections: 0, halfOpen: 0 };
  readonly #audit: Audit;
  readonly #bucket = new TokenBucket();
  readonly #flaps = new WindowCount();
  readonly #failures = new WindowCount();
  #limits: Limits;
  #exempt: TrustedAddresses;
  #refusedWaiting = 0;

  constructor(limits: Limits, audit: Audit) {
    this.#audit = audit;
    this.#limits = limits;
    this.#exempt = new TrustedAddresses(limits.exempt);
  }

  configure(limits: Limits): void {
    this.#limits = limits;
    this.#exempt = new TrustedAddresses(limits.exempt);
  }

  enter(destroy: () => void): Arrival {
    const entered: Entered = {
      address: '',
      port: 0,
      refusal: 0,
      destroy,
      state: undefined,
      exempt: false,
      waiting: false,
      refusedFor: '',
    };
    const { halfOpen, connections } = this.#limits;
    this.halfOpen.add(entered, halfOpen, Math.max(halfOpen, connections), performance.now());
    return entered;
  }

  admit(arrival: Arrival, address: string, port: number, silent: boolean): boolean {
    const entered = arrival as Entered;
    entered.address = address;
    entered.port = port;
    entered.exempt = this.#exempt.includes(address);
    const state = this.addresses.enter(addressKey(address));
    entered.state = state;
    entered.waiting = true;
    state.halfOpen++;
    const { halfOpenPerAddress } = this.#limits;
    if (!entered.exempt && state.halfOpen > halfOpenPerAddress) {
      this.refused.halfOpen++;
      const why = `more than ${halfOpenPerAddress} connections of this address wait for their CONNECT`;
      this.#audit.refuse('connect', { address, why });
      return false;
    }
    const refusal = this.#refusalOf(entered, state);
    if (refusal === undefined) return true;
    entered.refusal = refusal.reason;
    entered.refusedFor = refusal.why;
    if (!silent && this.#refusedWaiting < REFUSED_WAITING_MAX) {
      this.#refusedWaiting++;
      return true;
    }
    entered.refusal = 0;
    const { reason, why } = refusal;
    this.#audit.refuse('connect', { address, reason, why });
    return false;
  }

  /** Its CONNECT has come: what speaks against it, before its password is looked at. */
  identify(arrival: Arrival, clientId: string, user: string | undefined): GateRefusal | undefined {
    const entered = arrival as Entered;
    this.#settle(entered);
    if (entered.refusal !== 0) return { reason: entered.refusal, why: entered.refusedFor };
    const { connectRate } = this.#limits;
    if (!this.#bucket.take(performance.now(), connectRate, connectRate * BURST_SECONDS)) {
      this.refused.rate++;
      const why = `more than ${connectRate} connects a second on this node`;
      return { reason: REASON.CONNECTION_RATE_EXCEEDED, why };
    }
    const ban =
      this.bans.find('client', clientId) ??
      (user === undefined ? undefined : this.bans.find('user', user));
    if (ban === undefined) return undefined;
    this.refused.banned++;
    return { reason: REASON.BANNED, why: `${ban.kind} banned: ${ban.why}` };
  }

  leave(arrival: Arrival): void {
    const entered = arrival as Entered;
    this.#settle(entered);
    if (entered.state === undefined) return;
    entered.state.connections--;
    entered.state = undefined;
  }

  /** A login failed. An address that goes on like that is banned for a time. */
  loginFailed(arrival: Arrival): void {
    const entered = arrival as Entered;
    if (entered.exempt) return;
    const { failures, window } = this.#limits.bans;
    const key = addressKey(entered.address);
    const count = this.#failures.add(key, performance.now(), window);
    if (count > failures) this.#ban('address', key, 'logins', `${count} failed logins`);
  }

  /** A client that was in has gone. One that comes and breaks off again and again is banned. */
  ended(arrival: Arrival, clientId: string, cause: EndCause): void {
    const entered = arrival as Entered;
    if (entered.exempt || cause === 'client' || cause === 'shutdown' || cause === 'kicked') return;
    const { flaps, window } = this.#limits.bans;
    const count = this.#flaps.add(clientId, performance.now(), window);
    if (count > flaps) this.#ban('client', clientId, 'flapping', `broke off ${count} times`);
  }

  /** Forgets what is over. Called every few seconds. */
  sweep(): void {
    const now = performance.now();
    const { connectRatePerAddress: rate, bans, halfOpen, connections } = this.#limits;
    this.halfOpen.evict(halfOpen, Math.max(halfOpen, connections), now);
    this.addresses.sweep(now, rate, rate * BURST_SECONDS);
    this.#flaps.sweep(now, bans.window);
    this.#failures.sweep(now, bans.window);
    this.bans.sweep();
  }

  #refusalOf(entered: Entered, state: AddressState): GateRefusal | undefined {
    if (entered.exempt) return undefined;
    const ban = this.bans.find('address', state.key);
    if (ban !== undefined) {
      this.refused.banned++;
      return { reason: REASON.BANNED, why: `address banned: ${ban.why}` };
    }
    const { connectionsPerAddress, connectRatePerAddress: rate } = this.#limits;
    if (state.connections > connectionsPerAddress) {
      this.refused.connections++;
      const why = `more than ${connectionsPerAddress} connections of this address`;
      return { reason: REASON.QUOTA_EXCEEDED, why };
    }
    if (!state.bucket.take(performance.now(), rate, rate * BURST_SECONDS)) {
      this.refused.rate++;
      const why = `more than ${rate} connects a second of this address`;
      return { reason: REASON.CONNECTION_RATE_EXCEEDED, why };
    }
    return undefined;
  }

  /** It waits no longer for its CONNECT. Idempotent. */
  #settle(entered: Entered): void {
    this.halfOpen.delete(entered);
    if (!entered.waiting) return;
    entered.waiting = false;
    entered.state!.halfOpen--;
    if (entered.refusal !== 0) this.#refusedWaiting--;
  }

  #ban(kind: BanKind, value: string, by: string, why: string): void {
    if (this.bans.find(kind, value) !== undefined) return;
    const since = Date.now();
    const ban = { kind, value, why, by, since, until: since + this.#limits.bans.for };
    this.bans.imposed++;
    this.bans.set(ban);
    const who = kind === 'address' ? { address: value } : { clientId: value };
    this.#audit.refuse('connect', { ...who, reason: REASON.BANNED, why: `banned, ${by}: ${why}` });
  }
}
