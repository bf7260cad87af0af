import { createHash } from 'node:crypto';
import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { headers as newHeaders } from '@nats-io/transport-node';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import { asBuffer, type Bus } from '../cluster/bus.ts';

/** Streams that the sessions are spread over, so that a dead leader stops only its share. */
export const SESSION_SHARDS = 3;
const SUBJECT = 'bramble.session';
const REPLICAS_MAX = 3;
/** Wait for one answer, milliseconds; and for all attempts together, a new leader included. */
const ATTEMPT = 1_500;
const PATIENCE = 15_000;
const RETRY = 100;
/** While starting: JetStream without a leader does not answer, so short questions find one soonest. */
const PROBE_TIMEOUT = 800;
const STREAM_NOT_FOUND = 10_059;
const MESSAGE_NOT_FOUND = 10_037;
const WRONG_LAST_SEQUENCE = 10_071;
/** Removed sessions stay so long as empty messages, for those that lag, milliseconds. */
const TOMBSTONE_KEPT = 60_000;

/** What is kept of a session: who has it and what it wants, and where it stands. */
export type SessionPart = 'meta' | 'state';

/** A stored part with its version, by which the next write is checked; 0 = none. */
export interface StoredPart {
  bytes: Buffer;
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
  /** Nodes of the cluster that run a broker. */
  nodes: number;
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
  readonly #tombstones = new Map<string, { stream: string; sequence: number; at: number }>();
  #timer: NodeJS.Timeout | undefined;
  #nonce = 0;

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
    this.#timer = setInterval(() => void this.#purge(), TOMBSTONE_KEPT / 4);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Tells one write from all others, so that one whose answer was lost is recognised. */
  nonce(): string {
    return `${process.pid.toString(36)}.${(this.#nonce++).toString(36)}.${Date.now().toString(36)}`;
  }

  /** Throws BRAMBLE_ENGINE_UNAVAILABLE when the stream's leader does not answer in time. */
  load(clientId: string, part: SessionPart): Promise<StoredPart> {
    const { stream, subject } = addressOf(clientId, part);
    return this.#patiently(() => this.#read(stream, subject));
  }

  /**
   * Writes a part if its version is still `expected`; resolves with the new version. An empty one
   * removes it. Throws FencedError, BRAMBLE_ENGINE_UNAVAILABLE.
   */
  async save(
    clientId: string,
    part: SessionPart,
    bytes: Buffer,
    expected: number,
  ): Promise<number> {
    const { stream, subject } = addressOf(clientId, part);
    const headers = newHeaders();
    headers.set('Nats-Expected-Last-Subject-Sequence', String(expected));
    let doubtful = false;
    const sequence = await this.#patiently(async () => {
      if (doubtful) {
        const now = await this.#read(stream, subject);
        if (now.bytes.equals(bytes) && now.sequence > expected) return now.sequence;
        if (now.sequence !== expected) throw new FencedError(clientId);
      }
      doubtful = true;
      const reply = await this.#options.bus.nats.request(subject, bytes, {
        headers,
        timeout: ATTEMPT,
      });
      const answer = JSON.parse(asBuffer(reply.data).toString()) as PublishAnswer;
      if (answer.error === undefined) return answer.seq;
      if (answer.error.err_code === WRONG_LAST_SEQUENCE) {
        const now = await this.#read(stream, subject);
        if (now.bytes.equals(bytes) && now.sequence > expected) return now.sequence;
        throw new FencedError(clientId);
      }
      throw new Error(answer.error.description);
    });
    if (bytes.length === 0) this.#tombstones.set(subject, { stream, sequence, at: Date.now() });
    return sequence;
  }

  async #read(stream: string, subject: string): Promise<StoredPart> {
    try {
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
        num_replicas: Math.min(this.#options.nodes, REPLICAS_MAX),
      });
    }
  }

  /** Takes removals out of the streams for good. */
  async #purge(): Promise<void> {
    const now = Date.now();
    for (const [subject, { stream, sequence, at }] of this.#tombstones) {
      if (now - at < TOMBSTONE_KEPT || !this.#options.bus.connected) continue;
      this.#tombstones.delete(subject);
      try {
        await this.#manager?.streams.purge(stream, { filter: subject, seq: sequence + 1 });
      } catch (error) {
        this.#options.log.debug({ subject }, `purge later: ${describeError(error)}`);
      }
    }
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
function addressOf(clientId: string, part: SessionPart): { stream: string; subject: string } {
  const digest = createHash('sha256').update(clientId).digest();
  const shard = digest[0]! % SESSION_SHARDS;
  const subject = `${SUBJECT}.${shard}.${part}.${digest.toString('base64url')}`;
  return { stream: sessionStream(shard), subject };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
