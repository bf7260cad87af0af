import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { headers as newHeaders } from '@nats-io/transport-node';
import { asBuffer, type Bus } from './bus.ts';
import type { Cell } from './quorum-register.ts';
import { replicasFor } from './stream-plan.ts';

/** JetStream's error codes. */
const STREAM_NOT_FOUND = 10_059;
const MESSAGE_NOT_FOUND = 10_037;
const WRONG_LAST_SEQUENCE = 10_071;

export interface StoredValue {
  bytes: Buffer;
  /** JetStream's, by which the next write is compared; 0 = nothing is there. */
  sequence: number;
}

/** Whether JetStream says that there is no such stream. */
export function isStreamMissing(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND;
}

/** Makes a stream that keeps the last message of each subject, unless it is there. */
export async function ensureLastValues(
  manager: JetStreamManager,
  { name, subjects, nodes }: { name: string; subjects: string; nodes: number },
): Promise<void> {
  try {
    await manager.streams.info(name);
  } catch (error) {
    if (!isStreamMissing(error)) throw error;
    await manager.streams.add({
      name,
      subjects: [subjects],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      max_msgs_per_subject: 1,
      discard: DiscardPolicy.Old,
      num_replicas: replicasFor(nodes),
    });
  }
}

/** Values in streams that keep the last message of each subject; read from the streams' leaders. */
export class LastValues {
  readonly #bus: Bus;
  readonly #timeout: number;
  #manager: JetStreamManager | undefined;

  /** `timeout`: longest wait for one answer, milliseconds. */
  constructor(bus: Bus, timeout: number) {
    this.#bus = bus;
    this.#timeout = timeout;
  }

  /** Rejects when the stream's leader does not answer, or there is no such stream. */
  async read(stream: string, subject: string): Promise<StoredValue> {
    try {
      const manager = await this.#open();
      const message = await manager.streams.getMessage(stream, { last_by_subj: subject });
      if (message === null) return { bytes: Buffer.alloc(0), sequence: 0 };
      return { bytes: asBuffer(message.data), sequence: message.seq };
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === MESSAGE_NOT_FOUND) {
        return { bytes: Buffer.alloc(0), sequence: 0 };
      }
      throw error;
    }
  }

  /**
   * Resolves with the sequence of what was written; undefined when the subject's last one is not
   * `expected`. Rejects when no answer came: it may be written or not.
   */
  async write(subject: string, bytes: Buffer, expected?: number): Promise<number | undefined> {
    const options: { timeout: number; headers?: ReturnType<typeof newHeaders> } = {
      timeout: this.#timeout,
    };
    if (expected !== undefined) {
      options.headers = newHeaders();
      options.headers.set('Nats-Expected-Last-Subject-Sequence', String(expected));
    }
    const reply = await this.#bus.nats.request(subject, bytes, options);
    const answer = JSON.parse(asBuffer(reply.data).toString()) as PublishAnswer;
    if (answer.error === undefined) return answer.seq;
    if (answer.error.err_code === WRONG_LAST_SEQUENCE) return undefined;
    throw new Error(answer.error.description);
  }

  /** One of a register's cells: a stream, and the subject in it that has a key's value. */
  cell(stream: string, subjectOf: (key: string) => string): Cell {
    return {
      read: (key) => this.read(stream, subjectOf(key)),
      write: (key, bytes, expected) => this.write(subjectOf(key), bytes, expected),
    };
  }

  async #open(): Promise<JetStreamManager> {
    const options = { timeout: this.#timeout, checkAPI: false };
    this.#manager ??= await jetstreamManager(this.#bus.nats, options);
    return this.#manager;
  }
}

interface PublishAnswer {
  seq: number;
  error?: { err_code: number; description: string };
}
