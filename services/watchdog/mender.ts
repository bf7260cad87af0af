import type { ClusterEvent } from '#core/contracts/status.ts';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import { type Intent, keepsMajority, lookAtPeers, type Peer } from './guards/peers.ts';
import type { Rung } from './ladder/ladder.ts';
import type { OwnDrain } from './remedies/own-drain.ts';
import type { Systemd } from './remedies/systemd.ts';
import type { Watched } from './watched.ts';

/** A service with what its unit file and cluster.yaml say of it. */
export interface Charge {
  readonly name: string;
  readonly unit: string;
  readonly watched: Watched;
  /** Clients are sent elsewhere before its second restart. */
  readonly drain: boolean;
  /** The node may be restarted for its sake. */
  readonly reboot: boolean;
}

export interface MenderOptions {
  node: string;
  systemd: Systemd;
  drain: OwnDrain;
  peers: readonly Peer[];
  /** Whether this node is part of what stores messages now. */
  takesPart: () => boolean;
  log: Logger;
  report: (level: ClusterEvent['level'], subject: string, text: string) => void;
  /** Called before the node goes down, to be remembered; rejects when it cannot be. */
  beforeReboot: () => Promise<void>;
  /** Factor on `LEAVE`. */
  pace: number;
}

/** After saying what this node is about to do, the others' next look must have come. Milliseconds. */
const NOTICE = 8000;
/** How long clients are given to leave, milliseconds. */
const LEAVE = 30_000;
/** Good checks in a row after which a mended service takes clients again. */
const GOOD = 5;

/** Carries out what the ladder has decided, one thing at a time. */
export class Mender {
  readonly #options: MenderOptions;
  #working: number | undefined;
  #acting = false;
  #drainedFor: Charge | undefined;

  constructor(options: MenderOptions) {
    this.#options = options;
  }

  /** Since when this node takes itself down to be mended, wall-clock milliseconds. */
  get working(): number | undefined {
    return this.#working;
  }

  /** Whether it has begun with that, and is not just asking whether it may. */
  get acting(): boolean {
    return this.#acting;
  }

  /**
   * Does it. Resolves false when it has to wait, since another node is at work on itself or the
   * cluster would lose its majority; rejects when it was tried and failed.
   */
  async act(charge: Charge, rung: Rung, why: string | undefined): Promise<boolean> {
    switch (rung) {
      case 'restart':
        await this.#restart(charge, 'restarts it');
        return true;
      case 'drain-restart':
        return this.#alone(charge, false, () => this.#drainAndRestart(charge));
      case 'reboot':
        return this.#alone(charge, true, () => this.#reboot(charge));
      case 'quarantine':
        await this.#quarantine(charge, why);
        return true;
    }
  }

  /** To be called after each round of checks: a mended service takes part again. */
  async goOn(): Promise<void> {
    const charge = this.#drainedFor;
    if (charge === undefined || charge.watched.goods < GOOD) return;
    await this.#options.drain.end();
    this.#drainedFor = undefined;
    this.#rest();
    this.#options.report('info', charge.name, `is well again (${GOOD} checks): takes clients`);
  }

  /** A wish of an earlier watchdog process, which ended in between: nobody else takes it back. */
  adopt(charges: readonly Charge[]): void {
    if (!this.#options.drain.wanted) return;
    this.#drainedFor = charges.find(({ drain }) => drain);
    this.#working = Date.now();
    this.#acting = true;
  }

  #rest(): void {
    this.#working = undefined;
    this.#acting = false;
  }

  async #restart(charge: Charge, what: string): Promise<void> {
    const { systemd, report } = this.#options;
    const { name, unit, watched } = charge;
    report('warning', name, `is down (${watched.reason}): the watchdog ${what}`);
    await this.#capture(unit);
    await systemd.restart(unit);
    watched.forget();
  }

  async #drainAndRestart(charge: Charge): Promise<void> {
    const { drain, report } = this.#options;
    report('warning', charge.name, 'is down again: the watchdog sends clients to other nodes');
    await drain.begin();
    this.#drainedFor = charge;
    await pause(LEAVE * this.#options.pace);
    await this.#restart(charge, 'restarts it without clients');
  }

  async #reboot(charge: Charge): Promise<void> {
    const { systemd, report, beforeReboot } = this.#options;
    const { name, unit, watched } = charge;
    report('critical', name, `stays down (${watched.reason}): the watchdog restarts this node`);
    await this.#capture(unit);
    // A reboot that is not remembered could be the first of many: then rather none.
    await beforeReboot();
    await systemd.reboot();
  }

  async #quarantine(charge: Charge, why: string | undefined): Promise<void> {
    const { systemd, report } = this.#options;
    const { name, unit, watched } = charge;
    // It waits for minutes now, and so must nobody else.
    this.#rest();
    if (why !== undefined) {
      report('critical', name, `is down and is not restarted: ${why}`);
      return;
    }
    report('critical', name, `stays down (${watched.reason}): tried again every 5 min`);
    await systemd.restart(unit);
    watched.forget();
  }

  async #capture(unit: string): Promise<void> {
    const { systemd, log } = this.#options;
    try {
      await systemd.capture(unit, new Date());
    } catch (error) {
      // Mending goes before evidence.
      log.warn({ unit }, `what it said cannot be kept: ${describeError(error)}`);
    }
  }

  /**
   * Only where no other node of the cluster is at work on itself and, when all of this node goes
   * down, a majority stays.
   */
  async #alone(charge: Charge, whole: boolean, work: () => Promise<void>): Promise<boolean> {
    const { node, peers, takesPart, log } = this.#options;
    const own: Intent = { node, since: this.#working ?? Date.now() };
    this.#working = own.since;
    let done = false;
    try {
      if (peers.length > 0) await pause(NOTICE);
      const { well, busy } = await lookAtPeers(peers, own);
      const nodes = peers.length + 1;
      if (busy !== undefined) {
        log.warn({ busy }, `${charge.name}: waits, another node is being mended`);
      } else if (whole && !keepsMajority(nodes, well, takesPart())) {
        log.warn({ well, nodes }, `${charge.name}: waits, the cluster would lose its majority`);
      } else {
        this.#acting = true;
        await work();
        done = true;
      }
      return done;
    } catch (cause) {
      throw new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, `cannot mend ${charge.name}`, {
        cause,
      });
    } finally {
      // While clients are away for it, it is at work still.
      if (!done || this.#drainedFor === undefined) this.#rest();
    }
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
