import { randomUUID } from 'node:crypto';
import { jetstreamManager } from '@nats-io/jetstream';
import { BrambleError, describeError, ERROR_CODES } from '../errors.ts';
import type { Bus } from './bus.ts';
import { ensureLastValues, isStreamMissing, LastValues } from './last-values.ts';
import { COPIES, Reachability } from './quorum.ts';
import { OvertakenError, QuorumRegister, type Version, type Versioned } from './quorum-register.ts';

export interface RegisterStoreOptions {
  bus: Bus;
  /** What the names of its three streams begin with, and the subjects in them. */
  stream: string;
  subject: string;
  /** Longest wait for one answer, milliseconds. */
  timeout: number;
}

/** While starting: JetStream without a leader does not answer, so short questions find one soonest. */
const PROBE_TIMEOUT = 800;
const RETRY = 100;

/** Small values over three streams, changed by compare-and-set: one dead leader holds nobody up. */
export class RegisterStore {
  readonly #options: RegisterStoreOptions;
  readonly #register: QuorumRegister;

  constructor(options: RegisterStoreOptions) {
    this.#options = options;
    const values = new LastValues(options.bus, options.timeout);
    const cells = Array.from({ length: COPIES }, (_, place) =>
      values.cell(streamOf(options.stream, place), (key) => `${options.subject}.${place}.${key}`),
    );
    this.#register = new QuorumRegister({ cells, reachability: new Reachability() });
  }

  /** Makes the streams that are not there. Rejects when JetStream does not answer. */
  async ensure(nodes: number): Promise<void> {
    const { bus, stream, subject } = this.#options;
    const manager = await jetstreamManager(bus.nats, { timeout: PROBE_TIMEOUT, checkAPI: false });
    for (let place = 0; place < COPIES; place++) {
      const [name, subjects] = [streamOf(stream, place), `${subject}.${place}.>`];
      await ensureLastValues(manager, { name, subjects, nodes });
    }
  }

  /**
   * Undefined while the streams are not there. Rejects with BRAMBLE_ENGINE_UNAVAILABLE when two of
   * them do not answer.
   */
  async load(key: string): Promise<Versioned | undefined> {
    try {
      return await this.#register.load(key, homeOf(key));
    } catch (error) {
      if (isStreamMissing((error as Error).cause)) return undefined;
      throw unavailable(`${key} cannot be read`, error);
    }
  }

  /**
   * Writes if the version is still `expected`; resolves with the new one. Tries for `patience`
   * milliseconds, at least once. Rejects with BRAMBLE_FENCED when somebody else has written,
   * BRAMBLE_ENGINE_UNAVAILABLE when it is not known whether this stands there.
   */
  async save(key: string, bytes: Buffer, expected: Version, patience = 0): Promise<Version> {
    const nonce = randomUUID();
    const until = performance.now() + patience;
    for (let again = false; ; again = true) {
      try {
        return await this.#register.save(key, homeOf(key), { bytes, expected, nonce, again });
      } catch (error) {
        if (error instanceof OvertakenError) {
          throw new BrambleError(ERROR_CODES.FENCED, `${key} was written by somebody else`);
        }
        if (performance.now() >= until) throw unavailable(`${key} cannot be written`, error);
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }
}

/** The streams that hold a copy of each value. */
export function registerStreams(stream: string): string[] {
  return Array.from({ length: COPIES }, (_, place) => streamOf(stream, place));
}

function streamOf(stream: string, place: number): string {
  return `${stream}_${place}`;
}

/** The stream that is asked first. */
function homeOf(key: string): number {
  let sum = 0;
  for (let i = 0; i < key.length; i++) sum += key.charCodeAt(i);
  return sum % COPIES;
}

function unavailable(text: string, cause: unknown): BrambleError {
  const message = `${text}: ${describeError(cause)}`;
  return new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, message, { cause });
}
