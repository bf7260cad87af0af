import { randomUUID } from 'node:crypto';
import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { headers as newHeaders } from '@nats-io/transport-node';
import { BRIDGE_STREAM, BRIDGE_SUBJECTS } from '#core/contracts/bridge.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { Bus } from '#core/jetstream/bus.ts';
import { replicasFor } from '#core/jetstream/stream-plan.ts';
import type { Logger } from '#core/log.ts';

export interface StoreOptions {
  bus: Bus;
  /** Nodes of the cluster that have a nats-server. */
  nodes: () => number;
  log: Logger;
}

/** A value and its version, by which the next write is checked; version 0 = there is none. */
export interface Stored {
  bytes: Buffer;
  version: number;
}

/** Longest wait for one answer, milliseconds: shorter than a claim lasts. */
const TIMEOUT = 1_200;
const RETRY = 250;
const STREAM_NOT_FOUND = 10_059;
const MESSAGE_NOT_FOUND = 10_037;
const WRONG_LAST_SEQUENCE = 10_071;

/** Small values in JetStream, changed by compare-and-set and read from the stream's leader. */
export class BridgeStore {
  readonly #options: StoreOptions;
  #manager: JetStreamManager | undefined;

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  /** Resolves when the stream is there, however long that takes, until `signal` ends it. */
  async start(signal: AbortSignal): Promise<void> {
    const { bus, log } = this.#options;
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      try {
        const manager = await jetstreamManager(bus.nats, { timeout: TIMEOUT, checkAPI: false });
        await this.#ensure(manager);
        this.#manager = manager;
        return;
      } catch (error) {
        if (attempt % 20 === 0) log.warn({ err: error }, 'waiting for JetStream');
        await new Promise((resolve) => setTimeout(resolve, RETRY));
      }
    }
  }

  /** Rejects with BRAMBLE_ENGINE_UNAVAILABLE. */
  async read(subject: string): Promise<Stored> {
    try {
      const found = await this.#open().streams.getMessage(BRIDGE_STREAM, { last_by_subj: subject });
      if (found === null) return { bytes: Buffer.alloc(0), version: 0 };
      return { bytes: Buffer.from(found.data), version: found.seq };
    } catch (cause) {
      if (cause instanceof JetStreamApiError && cause.code === MESSAGE_NOT_FOUND) {
        return { bytes: Buffer.alloc(0), version: 0 };
      }
      throw unavailable('a value cannot be read', cause);
    }
  }

  /**
   * Writes if the version is still `expected`; resolves with the new one. Rejects with
   * BRAMBLE_FENCED when somebody else has written, BRAMBLE_ENGINE_UNAVAILABLE when nobody knows.
   * `bytes` must differ from what anybody else writes.
   */
  async write(subject: string, bytes: Buffer, expected: number): Promise<number> {
    const headers = newHeaders();
    headers.set('Nats-Expected-Last-Subject-Sequence', String(expected));
    let answer: Answer;
    try {
      const reply = await this.#options.bus.nats.request(subject, bytes, {
        timeout: TIMEOUT,
        headers,
      });
      answer = reply.json<Answer>();
    } catch (cause) {
      throw unavailable('a value cannot be written', cause);
    }
    if (answer.error === undefined) return answer.seq;
    if (answer.error.err_code !== WRONG_LAST_SEQUENCE) {
      throw unavailable(answer.error.description, undefined);
    }
    // An earlier attempt of this very write may have got there without an answer.
    const now = await this.read(subject);
    if (now.version > expected && now.bytes.equals(bytes)) return now.version;
    throw new BrambleError(ERROR_CODES.FENCED, `${subject} was written by somebody else`);
  }

  /** Makes a write unlike all others. */
  nonce(): string {
    return randomUUID();
  }

  #open(): JetStreamManager {
    if (this.#manager === undefined) throw new Error('the store is not open');
    return this.#manager;
  }

  /** Also grows the replicas with the cluster. */
  async #ensure(manager: JetStreamManager): Promise<void> {
    const wanted = replicasFor(Math.max(1, this.#options.nodes()));
    try {
      const { config } = await manager.streams.info(BRIDGE_STREAM);
      if (config.num_replicas < wanted) {
        await manager.streams.update(BRIDGE_STREAM, { num_replicas: wanted });
      }
    } catch (error) {
      if (!(error instanceof JetStreamApiError) || error.code !== STREAM_NOT_FOUND) throw error;
      await manager.streams.add({
        name: BRIDGE_STREAM,
        subjects: [BRIDGE_SUBJECTS],
        retention: RetentionPolicy.Limits,
        storage: StorageType.File,
        max_msgs_per_subject: 1,
        discard: DiscardPolicy.Old,
        num_replicas: wanted,
      });
    }
  }
}

interface Answer {
  seq: number;
  error?: { err_code: number; description: string };
}

function unavailable(text: string, cause: unknown): BrambleError {
  const options = cause === undefined ? {} : { cause };
  return new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, text, options);
}
