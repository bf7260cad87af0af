import { createHash } from 'node:crypto';
import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { type MsgHdrs, headers as newHeaders } from '@nats-io/transport-node';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import { asBuffer, type Bus } from '../cluster/bus.ts';
import type { Epoch } from '../cluster/clock.ts';
import { encodeLevel } from '../router/subjects.ts';
import { replicasFor } from './stream-plan.ts';

/** Streams that the sessions are spread over, so that a dead leader stops only its share. */
export const SESSION_SHARDS = 3;
const SUBJECT = 'bramble.session';
/** Wait for one answer, milliseconds; and for all attempts together, a new leader included. */
const ATTEMPT = 1_500;
const PATIENCE = 15_000;
const RETRY = 100;
/** While starting: JetStream without a leader does not answer, so short questions find one soonest. */
const PROBE_TIMEOUT = 800;
const STREAM_NOT_FOUND = 10_059;
const MESSAGE_NOT_FOUND = 10_037;
const WRONG_LAST_SEQUENCE = 10_071;
/** As above, for states: another stream is tried soon, and first for a while, milliseconds. */
const STATE_ATTEMPT = 500;
const AVOIDED = 2_000;
const PURGE_INTERVAL = 5_000;
/** Removed sessions stay so long as empty messages, for those that lag, milliseconds. */
const TOMBSTONE_KEPT = 60_000;

/** Who has a session and what it wants, with the version that the next write is checked by. */
export interface StoredMeta {
  bytes: Buffer;
  /** 0 = none. */
  sequence: number;
}

/** Somebody else wrote the session meanwhile: it has another owner now. */
export class FencedError extends BrambleError {
  constructor(clientId: string) {
    super(ERROR_CODES.FENCED, `the session of ${clientId} has another owner`);
  }
}

export interface SessionStoreOptions {
  bus: Bus;
  /** Nodes of the cluster that run a broker now. */
  nodes: () => number;
  log: Logger;
}

/**
 * The sessions of the cluster in JetStream, the last version of each part, changed by
 * compare-and-set. Reads are answered by the stream's leader, so whoever takes a session over
 * sees what its last owner was told to be saved.
 */
export class SessionStore {
  readonly #options: SessionStoreOptions;
  #manager: JetStreamManager | undefined;
  /** Subjects that are not needed any more: below which sequence, and from when on. */
  readonly #garbage = new Map<string, { shard: number; below: number; at: number }>();
  /** By shard: until when another one is tried first. */
  readonly #failedAt: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #nonce = 0;
  #purging = false;

  constructor(options: SessionStoreOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { bus, log } = this.#options;
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      try {
        const manager = await jetstreamManager(bus.nats, { timeout: PROBE_TIMEOUT });
        for (let shard = 0; shard < SESSION_SHARDS; shard++) await this.#ensure(manager, shard);
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
    await Promise.all(
      inOrder(0).map((shard) => this.#read(shard, `${SUBJECT}.${shard}.meta.none`)),
    );
  }

  /** Tells one write from all others, so that one whose answer was lost is recognised. */
  nonce(): string {
    return `${process.pid.toString(36)}.${(this.#nonce++).toString(36)}.${Date.now().toString(36)}`;
  }

  /** Rejects with BRAMBLE_ENGINE_UNAVAILABLE when the stream's leader does not answer in time. */
  loadMeta(clientId: string): Promise<StoredMeta> {
    const { shard, subject } = addressOf(clientId);
    return this.#patiently(() => this.#read(shard, subject));
  }

  /**
   * Writes who has the session if its version is still `expected`; resolves with the new version.
   * An empty one removes it. Rejects with FencedError, BRAMBLE_ENGINE_UNAVAILABLE.
   */
  async saveMeta(clientId: string, bytes: Buffer, expected: number): Promise<number> {
    const { shard, subject } = addressOf(clientId);
    const headers = newHeaders();
    headers.set('Nats-Expected-Last-Subject-Sequence', String(expected));
    let doubtful = false;
    const sequence = await this.#patiently(async () => {
      if (doubtful) {
        const now = await this.#read(shard, subject);
        if (now.bytes.equals(bytes) && now.sequence > expected) return now.sequence;
        if (now.sequence !== expected) throw new FencedError(clientId);
      }
      doubtful = true;
      const written = await this.#publish(subject, bytes, ATTEMPT, headers);
      if (written !== undefined) return written;
      const now = await this.#read(shard, subject);
      if (now.bytes.equals(bytes) && now.sequence > expected) return now.sequence;
      throw new FencedError(clientId);
    });
    if (bytes.length === 0) {
      this.#garbage.set(subject, { shard, below: sequence + 1, at: Date.now() + TOMBSTONE_KEPT });
    }
    return sequence;
  }

  /**
   * What the owner of `epoch` saved last of where the session stands, in each stream that has
   * something: its own one, or another while that had no leader.
   * Rejects with BRAMBLE_ENGINE_UNAVAILABLE when the session's own stream does not answer.
   */
  async loadStates(clientId: string, epoch: Epoch): Promise<Buffer[]> {
    const home = addressOf(clientId).shard;
    return this.#patiently(async () => {
      const unread: unknown[] = [];
      const parts = await Promise.all(
        inOrder(home).map(async (shard) => {
          const subject = stateSubject(clientId, epoch, shard);
          if (shard === home) return this.#patiently(() => this.#read(shard, subject));
          return this.#read(shard, subject).catch((error: unknown) => {
            unread.push(error);
            return undefined;
          });
        }),
      );
      const found = parts.flatMap((part) =>
        part === undefined || part.sequence === 0 ? [] : [part.bytes],
      );
      // It must be somewhere: then it is where nobody answers yet.
      if (found.length === 0 && unread.length > 0) throw unread[0];
      return found;
    });
  }

  /**
   * Saves where the session stands, for the owner of `epoch` alone: nobody else writes there, so
   * nothing has to be compared, and while its stream has no leader another one does.
   * Rejects with BRAMBLE_ENGINE_UNAVAILABLE.
   */
  async saveState(clientId: string, epoch: Epoch, bytes: Buffer): Promise<void> {
    const shards = inOrder(addressOf(clientId).shard);
    let turn = shards.findIndex((shard) => (this.#failedAt[shard] ?? 0) < performance.now());
    if (turn < 0) turn = 0;
    await this.#patiently(async () => {
      const shard = shards[turn % SESSION_SHARDS]!;
      try {
        await this.#publish(stateSubject(clientId, epoch, shard), bytes, STATE_ATTEMPT);
      } catch (error) {
        this.#failedAt[shard] = performance.now() + AVOIDED;
        turn++;
        throw error;
      }
    });
  }

  /** Forgets what the owner of `epoch` saved, sooner or later. */
  dropState(clientId: string, epoch: Epoch): void {
    for (let shard = 0; shard < SESSION_SHARDS; shard++) {
      const below = Number.MAX_SAFE_INTEGER;
      this.#garbage.set(stateSubject(clientId, epoch, shard), { shard, below, at: Date.now() });
    }
  }

  async #publish(subject: string, bytes: Buffer, timeout: number, headers?: MsgHdrs) {
    const options = headers === undefined ? { timeout } : { timeout, headers };
    const reply = await this.#options.bus.nats.request(subject, bytes, options);
    const answer = JSON.parse(asBuffer(reply.data).toString()) as PublishAnswer;
    if (answer.error === undefined) return answer.seq;
    if (answer.error.err_code === WRONG_LAST_SEQUENCE) return undefined;
    throw new Error(answer.error.description);
  }

  async #read(shard: number, subject: string): Promise<StoredMeta> {
    try {
      const stream = sessionStream(shard);
      const message = await this.#manager!.streams.getMessage(stream, { last_by_subj: subject });
      if (message === null) return { bytes: Buffer.alloc(0), sequence: 0 };
      return { bytes: asBuffer(message.data), sequence: message.seq };
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === MESSAGE_NOT_FOUND) {
        return { bytes: Buffer.alloc(0), sequence: 0 };
      }
      throw error;
    }
  }

  /** Again and again while the stream may be without a leader. */
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

  async #ensure(manager: JetStreamManager, shard: number): Promise<void> {
    const name = sessionStream(shard);
    try {
      await manager.streams.info(name);
    } catch (error) {
      if (!(error instanceof JetStreamApiError) || error.code !== STREAM_NOT_FOUND) throw error;
      await manager.streams.add({
        name,
        subjects: [`${SUBJECT}.${shard}.>`],
        retention: RetentionPolicy.Limits,
        storage: StorageType.File,
        max_msgs_per_subject: 1,
        discard: DiscardPolicy.Old,
        num_replicas: replicasFor(this.#options.nodes()),
      });
    }
  }

  /** Takes what is not needed any more out of the streams for good. */
  async #purge(): Promise<void> {
    if (this.#purging) return;
    this.#purging = true;
    for (const [subject, { shard, below, at }] of this.#garbage) {
      if (Date.now() < at || !this.#options.bus.connected) continue;
      this.#garbage.delete(subject);
      try {
        const exact = below === Number.MAX_SAFE_INTEGER ? {} : { seq: below };
        await this.#manager?.streams.purge(sessionStream(shard), { filter: subject, ...exact });
      } catch (error) {
        this.#options.log.debug({ subject }, `not purged: ${describeError(error)}`);
      }
    }
    this.#purging = false;
  }
}

interface PublishAnswer {
  seq: number;
  error?: { err_code: number; description: string };
}

export function sessionStream(shard: number): string {
  return `BRAMBLE_SESSIONS_${shard}`;
}

/** The subjects of all sessions' meta parts in a shard. */
export function metaSubjects(shard: number): string {
  return `${SUBJECT}.${shard}.meta.*`;
}

/** Client ids outgrow what a subject may be, so a digest stands for them. */
function digestOf(clientId: string): Buffer {
  return createHash('sha256').update(clientId).digest();
}

function addressOf(clientId: string): { shard: number; subject: string } {
  const digest = digestOf(clientId);
  const shard = digest[0]! % SESSION_SHARDS;
  return { shard, subject: `${SUBJECT}.${shard}.meta.${digest.toString('base64url')}` };
}

function stateSubject(clientId: string, { time, node }: Epoch, shard: number): string {
  const digest = digestOf(clientId).toString('base64url');
  return `${SUBJECT}.${shard}.state.${digest}.${time}-${encodeLevel(node)}`;
}

/** The session's own shard, then the others. */
function inOrder(home: number): number[] {
  return Array.from({ length: SESSION_SHARDS }, (_, i) => (home + i) % SESSION_SHARDS);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
