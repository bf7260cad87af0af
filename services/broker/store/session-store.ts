import { createHash } from 'node:crypto';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import type { Bus } from '#core/jetstream/bus.ts';
import { ensureLastValues, LastValues } from '#core/jetstream/last-values.ts';
import { askQuorum, COPIES, QUORUM, Reachability } from '#core/jetstream/quorum.ts';
import {
  OvertakenError,
  QuorumRegister,
  type Version,
  type Versioned,
} from '#core/jetstream/quorum-register.ts';
import type { Logger } from '#core/log.ts';
import type { Epoch } from '../cluster/clock.ts';
import { encodeLevel } from '../router/subjects.ts';

/** Streams of which any two have every session, so that a dead leader holds nobody up. */
export const SESSION_SHARDS = COPIES;
const SUBJECT = 'bramble.session';
/** Wait for one answer, milliseconds; and for all attempts together, a new leader included. */
const ATTEMPT = 1_500;
const PATIENCE = 15_000;
const RETRY = 100;
/** While starting: JetStream without a leader does not answer, so short questions find one soonest. */
const PROBE_TIMEOUT = 800;
/** States that take longer are asked of, or given to, the third stream too, milliseconds. */
const HEDGE = 300;
/** A purge that failed is tried again after so long, milliseconds. */
const PURGE_RETRY = 2_000;
const PURGE_INTERVAL = 5_000;
/** Removed sessions stay so long as empty messages, for those that lag, milliseconds. */
const TOMBSTONE_KEPT = 60_000;

/** Somebody else wrote the session meanwhile: it has another owner now. */
export class FencedError extends BrambleError {
  constructor(clientId: string) {
    super(ERROR_CODES.FENCED, `the session of ${clientId} has another owner`);
  }
}

export interface SessionStoreOptions {
  bus: Bus;
  /** This broker. */
  node: string;
  /** Nodes of the cluster that run a broker now. */
  nodes: () => number;
  log: Logger;
}

/** Something of a session that a stream has. */
export interface StoredPart {
  shard: number;
  /** Its subject. */
  key: string;
  /** Stands for the client id. */
  digest: string;
  /** Of a state: whose it is; undefined for who has the session. */
  epoch: string | undefined;
}

interface Garbage {
  /** Milliseconds since the epoch. */
  at: number;
  /** Of one stream; undefined = a removed session, in all of them. */
  shard: number | undefined;
}

/**
 * The sessions of the cluster in JetStream. Who has a session and what it wants is a value in a
 * register over three streams, changed by compare-and-set; where it stands is written by its owner
 * alone, to two of them. So a stream whose leader has died holds nobody up. Reads are answered by
 * the leaders, so whoever takes a session over sees what its last owner was told to be saved.
 */
export class SessionStore {
  readonly #options: SessionStoreOptions;
  readonly #values: LastValues;
  readonly #register: QuorumRegister;
  #manager: JetStreamManager | undefined;
  /** Subjects that are not needed any more: those of states, and the digests of removed sessions. */
  readonly #garbage = new Map<string, Garbage>();
  readonly #reachability = new Reachability();
  #timer: NodeJS.Timeout | undefined;
  #nonce = 0;
  #purging = false;

  constructor(options: SessionStoreOptions) {
    this.#options = options;
    this.#values = new LastValues(options.bus, ATTEMPT);
    const cells = Array.from({ length: COPIES }, (_, shard) =>
      this.#values.cell(sessionStream(shard), (digest) => metaSubject(shard, digest)),
    );
    this.#register = new QuorumRegister({ cells, reachability: this.#reachability });
  }

  async start(signal: AbortSignal): Promise<void> {
    const { bus, log } = this.#options;
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      try {
        const manager = await jetstreamManager(bus.nats, { timeout: PROBE_TIMEOUT });
        for (let shard = 0; shard < SESSION_SHARDS; shard++) {
          const [name, subjects] = [sessionStream(shard), `${SUBJECT}.${shard}.>`];
          await ensureLastValues(manager, { name, subjects, nodes: this.#options.nodes() });
        }
        this.#manager = await jetstreamManager(bus.nats, { timeout: ATTEMPT, checkAPI: false });
        break;
      } catch (error) {
        if (attempt % 20 === 0) log.warn({ err: error }, 'waiting for JetStream');
        await pause(RETRY);
      }
    }
    this.#timer = setInterval(() => void this.#purge(), PURGE_INTERVAL);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Resolves when every stream answers; rejects with what is missing. */
  async check(): Promise<void> {
    const shards = Array.from({ length: SESSION_SHARDS }, (_, shard) => shard);
    await Promise.all(
      shards.map((shard) => this.#values.read(sessionStream(shard), metaSubject(shard, 'none'))),
    );
  }

  /** Rejects with BRAMBLE_ENGINE_UNAVAILABLE when too few streams answer in time. */
  loadMeta(clientId: string): Promise<Versioned> {
    return this.loadDigest(addressOf(clientId).digest);
  }

  /** The same by what stands for the client id. */
  loadDigest(digest: string): Promise<Versioned> {
    return this.#patiently(() => this.#register.load(digest, homeOf(digest)));
  }

  /**
   * Writes who has the session if its version is still `expected`; resolves with the new version.
   * An empty one removes it. Rejects with FencedError, BRAMBLE_ENGINE_UNAVAILABLE.
   */
  async saveMeta(clientId: string, bytes: Buffer, expected: Version): Promise<Version> {
    const { home, digest } = addressOf(clientId);
    const nonce = this.#newNonce();
    let again = false;
    const version = await this.#patiently(async () => {
      try {
        const value = { bytes, expected, nonce, again };
        again = true;
        return await this.#register.save(digest, home, value);
      } catch (error) {
        throw error instanceof OvertakenError ? new FencedError(clientId) : error;
      }
    });
    if (bytes.length === 0) {
      this.#garbage.set(digest, { at: Date.now() + TOMBSTONE_KEPT, shard: undefined });
    }
    return version;
  }

  /**
   * What the owner of `epoch` saved last of where the session stands, as several streams have it:
   * one of them has the last. Rejects with BRAMBLE_ENGINE_UNAVAILABLE when too few answer.
   */
  loadStates(clientId: string, epoch: Epoch): Promise<Buffer[]> {
    const { home } = addressOf(clientId);
    return this.#patiently(async () => {
      const { byPlace, count, cause } = await askQuorum({
        order: this.#reachability.order(home),
        reachability: this.#reachability,
        ask: (shard) =>
          this.#values.read(sessionStream(shard), stateSubject(clientId, epoch, shard)),
        hedge: HEDGE,
      });
      if (count < QUORUM) throw cause;
      return byPlace.flatMap((part) =>
        part === undefined || part.sequence === 0 ? [] : [part.bytes],
      );
    });
  }

  /**
   * Saves where the session stands, for the owner of `epoch` alone: nobody else writes there, so
   * nothing has to be compared. Rejects with BRAMBLE_ENGINE_UNAVAILABLE.
   */
  async saveState(clientId: string, epoch: Epoch, bytes: Buffer): Promise<void> {
    const { home } = addressOf(clientId);
    await this.#patiently(async () => {
      const { count, cause } = await askQuorum({
        order: this.#reachability.order(home),
        reachability: this.#reachability,
        ask: (shard) => this.#values.write(stateSubject(clientId, epoch, shard), bytes),
        hedge: HEDGE,
      });
      if (count < QUORUM) throw cause;
    });
  }

  /** Forgets what the owner of `epoch` saved, sooner or later. */
  dropState(clientId: string, epoch: Epoch): void {
    for (let shard = 0; shard < SESSION_SHARDS; shard++) {
      this.#garbage.set(stateSubject(clientId, epoch, shard), { shard, at: Date.now() });
    }
  }

  /** Everything that a stream has of sessions. Rejects when it does not answer. */
  async list(shard: number): Promise<StoredPart[]> {
    const filter = `${SUBJECT}.${shard}.>`;
    const info = await this.#manager!.streams.info(sessionStream(shard), {
      subjects_filter: filter,
    });
    return Object.keys(info.state.subjects ?? {}).map((key) => {
      const [, , , , digest, epoch] = key.split('.');
      return { shard, key, digest: digest!, epoch };
    });
  }

  /** Takes it out for good, sooner or later; who has a session only where that was removed. */
  discard({ shard, key, digest, epoch }: StoredPart): void {
    const at = Date.now();
    if (epoch === undefined) this.#garbage.set(digest, { at, shard: undefined });
    else this.#garbage.set(key, { at, shard });
  }

  /** Tells one write from all others, so that one whose answer was lost is recognised. */
  #newNonce(): string {
    const parts = [Date.now(), process.pid, this.#nonce++].map((part) => part.toString(36));
    return [...parts, encodeLevel(this.#options.node)].join('.');
  }

  /** Again and again while too few streams have a leader. */
  async #patiently<T>(attempt: () => Promise<T>): Promise<T> {
    const until = performance.now() + PATIENCE;
    for (;;) {
      try {
        return await attempt();
      } catch (cause) {
        if (cause instanceof FencedError) throw cause;
        if (performance.now() > until || this.#manager === undefined) {
          const message = `the session store does not answer: ${describeError(cause)}`;
          throw new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, message, { cause });
        }
        await pause(RETRY);
      }
    }
  }

  /** Takes what is not needed any more out of the streams for good. */
  async #purge(): Promise<void> {
    if (this.#purging) return;
    this.#purging = true;
    for (const [key, { shard, at }] of this.#garbage) {
      if (Date.now() < at || !this.#options.bus.connected) continue;
      this.#garbage.delete(key);
      try {
        if (shard === undefined) await this.#purgeRemoved(key);
        else await this.#manager?.streams.purge(sessionStream(shard), { filter: key });
      } catch (error) {
        this.#options.log.debug({ key }, `not purged: ${describeError(error)}`);
        if (shard === undefined) this.#garbage.set(key, { shard, at: Date.now() + PURGE_RETRY });
      }
    }
    this.#purging = false;
  }

  /** What is older goes first: it would count again once nothing newer is there. */
  async #purgeRemoved(digest: string): Promise<void> {
    const heights = await this.#register.heights(digest);
    const shards = heights
      .map(({ height, sequence, empty }, shard) => ({ shard, height, sequence, empty }))
      .sort((a, b) => a.height - b.height);
    // Its client has come back.
    if (shards.at(-1)?.empty !== true) return;
    for (const { shard, sequence } of shards) {
      if (sequence === 0) continue;
      const filter = metaSubject(shard, digest);
      await this.#manager?.streams.purge(sessionStream(shard), { filter, seq: sequence + 1 });
    }
  }
}

export function sessionStream(shard: number): string {
  return `BRAMBLE_SESSIONS_${shard}`;
}

/** The subjects of all sessions' meta parts in a shard. */
export function metaSubjects(shard: number): string {
  return `${SUBJECT}.${shard}.meta.*`;
}

function metaSubject(shard: number, digest: string): string {
  return `${SUBJECT}.${shard}.meta.${digest}`;
}

/** Client ids outgrow what a subject may be, so a digest stands for them. */
function addressOf(clientId: string): { home: number; digest: string } {
  const digest = createHash('sha256').update(clientId).digest('base64url');
  return { home: homeOf(digest), digest };
}

/** The stream that is asked first. */
function homeOf(digest: string): number {
  return (digest.charCodeAt(0) + digest.charCodeAt(1)) % SESSION_SHARDS;
}

function stateSubject(clientId: string, epoch: Epoch, shard: number): string {
  const { digest } = addressOf(clientId);
  return `${SUBJECT}.${shard}.state.${digest}.${epochName(epoch)}`;
}

/** As a level of a subject. */
export function epochName({ time, node }: Epoch): string {
  return `${time}-${encodeLevel(node)}`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
