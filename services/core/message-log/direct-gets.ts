import { type Msg, RequestError } from '@nats-io/transport-node';
import { BrambleError, ERROR_CODES } from '../errors.ts';
import { asBuffer, type Bus } from '../jetstream/bus.ts';
import { streamOf } from './shard-names.ts';

/** A stored record. */
export interface Stored {
  sequence: number;
  bytes: Buffer;
}

/** Longest wait for a replica's answer, milliseconds. */
const TIMEOUT = 1_000;
/** Questions to replicas, of which nobody knows who answers. */
const ASKED_WITHOUT_LEADER = 4;
/** Message Not Found. */
const NOT_FOUND = 404;

interface MessageAnswer {
  message?: { seq: number; data?: string };
  error?: { code: number; description: string };
}

/**
 * The first release whose replicas agree on what they hold. After a partition an older one keeps what
 * a leader that was cut off had proposed and nobody had confirmed, in the places of what was
 * confirmed there.
 */
const AGREEING_SINCE = [2, 10] as const;

/**
 * Asks for single records. Any replica answers, so it works while a shard has no leader (NATS:
 * "Direct Get"); of a nats-server older than 2.10 the leader is believed, or several that agree.
 */
export class DirectGets {
  readonly #bus: Bus;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /**
   * The first record from `sequence` on; undefined when the replica that answered has none, which
   * may be behind. Rejects with BRAMBLE_ENGINE_UNAVAILABLE when there is no answer.
   */
  async from(shard: number, sequence: number): Promise<Stored | undefined> {
    return this.#replicasAgree ? this.#any(shard, sequence) : this.#certain(shard, sequence);
  }

  /** The leader's word; without a leader, what all say who are asked. */
  async #certain(shard: number, sequence: number): Promise<Stored | undefined> {
    try {
      return await this.fromLeader(shard, sequence);
    } catch (error) {
      const asked = Array.from({ length: ASKED_WITHOUT_LEADER }, () => this.#any(shard, sequence));
      const [first, ...others] = await Promise.all(asked);
      if (first !== undefined && others.every((one) => isSame(one, first))) return first;
      throw error;
    }
  }

  async #any(shard: number, sequence: number): Promise<Stored | undefined> {
    const question = JSON.stringify({ seq: sequence, next_by_subj: '>' });
    const answer = await this.#ask(`$JS.API.DIRECT.GET.${streamOf(shard)}`, question);
    const code = answer.headers?.code ?? 0;
    if (code === NOT_FOUND) return undefined;
    const found = sequenceOf(answer);
    if (code !== 0 || found === 0) throw unavailable(`direct get: ${code}`);
    return { sequence: found, bytes: compact(asBuffer(answer.data)) };
  }

  /** The same as the shard's leader knows it: undefined when there is none. */
  async fromLeader(shard: number, sequence: number): Promise<Stored | undefined> {
    const question = JSON.stringify({ seq: sequence, next_by_subj: '>' });
    const answer = await this.#ask(`$JS.API.STREAM.MSG.GET.${streamOf(shard)}`, question);
    const { message, error } = JSON.parse(asBuffer(answer.data).toString()) as MessageAnswer;
    if (error?.code === NOT_FOUND) return undefined;
    if (message === undefined) throw unavailable(error?.description ?? 'an answer without record');
    return { sequence: message.seq, bytes: Buffer.from(message.data ?? '', 'base64') };
  }

  get #replicasAgree(): boolean {
    if (!this.#bus.connected) return true;
    const [major = 0, minor = 0] = (this.#bus.nats.info?.version ?? '').split('.').map(Number);
    const [sinceMajor, sinceMinor] = AGREEING_SINCE;
    return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
  }

  async #ask(subject: string, question: string): Promise<Msg> {
    if (!this.#bus.connected) throw unavailable('not connected to nats-server');
    try {
      return await this.#bus.nats.request(subject, question, { timeout: TIMEOUT });
    } catch (cause) {
      const text = cause instanceof RequestError ? 'nobody has the shard' : 'no answer';
      throw new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, text, { cause });
    }
  }
}

/** The sequence that nats-server put into the headers; 0 without one. */
export function sequenceOf({ headers }: Msg): number {
  return Number(headers?.get('Nats-Sequence') ?? 0) || 0;
}

function isSame(one: Stored | undefined, { sequence, bytes }: Stored): boolean {
  return one?.sequence === sequence && one.bytes.equals(bytes);
}

/** A record of its own memory, when it is a small part of what the socket was read into. */
export function compact(bytes: Buffer): Buffer {
  return bytes.buffer.byteLength > 2 * bytes.length ? Buffer.from(bytes) : bytes;
}

function unavailable(text: string): BrambleError {
  return new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, `the log cannot be read: ${text}`);
}
