import { BrambleError, ERROR_CODES } from '../errors.ts';
import { Message, messageKey } from '../mqtt/message.ts';
import type { LogPosition } from './position.ts';
import { LOG_SHARDS, laneOf } from './shard-names.ts';

/** Topics that no client may use: the brokers' own words in the log. */
export const RESERVED = '$bramble/';
const FENCE = `${RESERVED}fence/`;
/** Fences and dropped messages that are remembered. */
const KEPT_MAX = 50_000;
/** Longest wait until fences stand in all shards, milliseconds: some may have to elect a leader. */
const PATIENCE = 15_000;
/** A shard whose fence was not read for so long gets another one, milliseconds. */
const AGAIN = 400;

interface Fence {
  clientId: string;
  /** Time of the epoch of the claim that took the session over. */
  epoch: number;
}

interface Standing {
  epoch: number;
  sequence: number;
}

/** A topic for each lane of the log. */
const TOPICS: readonly string[] = Array.from({ length: LOG_SHARDS }, (_, lane) => {
  for (let i = 0; ; i++) if (laneOf(`${FENCE}${i}`) === lane) return `${FENCE}${i}`;
});

/**
 * Keeps out what a broker that was frozen or cut off publishes of a session that another one has
 * taken over: the client has published that again by now. Whoever takes a session without word from
 * its last owner writes a fence into every shard of the log, and then looks what the client had
 * published before it; QoS 2 messages of an earlier epoch behind the fence count as never made.
 */
export class Fences {
  /** By client id, for each shard: the fence of the highest epoch that was read there. */
  readonly #seen = new Map<string, Standing[]>();
  /** By the message and not by its place: its record may stand in two shards, and either be read. */
  readonly #dropped = new Set<string>();
  readonly #onRead = new Set<() => void>();

  /** Messages that were kept out. */
  get dropped(): number {
    return this.#dropped.size;
  }

  /** Asked for each message as this node reads the log; false = it is not for anybody. */
  admits(message: Message): boolean {
    const { position } = message;
    if (message.topic.startsWith(RESERVED)) {
      if (message.topic.startsWith(FENCE) && position !== undefined) {
        this.#read(JSON.parse(message.payload.toString()) as Fence, position);
      }
      return false;
    }
    if (message.publisherEpoch === 0 || position === undefined) return true;
    const fence = this.#seen.get(message.publisher)?.[position.shard];
    if (fence === undefined || fence.epoch <= message.publisherEpoch) return true;
    // A record that was held back is read after the fence that it stands before.
    if (position.sequence < fence.sequence) return true;
    this.#dropped.add(messageKey(message));
    trim(this.#dropped);
    return false;
  }

  /** Whether the message was kept out when this node read it first. */
  wasDropped(message: Message): boolean {
    return this.#dropped.size > 0 && this.#dropped.has(messageKey(message));
  }

  /**
   * Writes a fence into every shard; resolves when this node has read them all, and so everything
   * before them. Rejects with BRAMBLE_ENGINE_UNAVAILABLE.
   */
  async raise(fence: Fence, append: (message: Message) => void): Promise<void> {
    const payload = Buffer.from(JSON.stringify(fence));
    const until = performance.now() + PATIENCE;
    for (;;) {
      const missing = this.#missing(fence);
      if (missing.length === 0) return;
      if (performance.now() > until) {
        const text = `shards of the log that cannot be read: ${missing.join(', ')}`;
        throw new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, text);
      }
      // A lane whose own shard does not work goes to another one, so it may take more than one.
      for (const shard of missing) append(new Message(TOPICS[shard]!, 1, false, payload));
      await this.#awaitRead(fence);
    }
  }

  #missing({ clientId, epoch }: Fence): number[] {
    const seen = this.#seen.get(clientId);
    const shards = Array.from({ length: LOG_SHARDS }, (_, shard) => shard);
    return shards.filter((shard) => (seen?.[shard]?.epoch ?? 0) < epoch);
  }

  /** Resolves when all are read, or after AGAIN. */
  #awaitRead(fence: Fence): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#onRead.delete(look);
        resolve();
      };
      const look = (): void => {
        if (this.#missing(fence).length === 0) done();
      };
      const timer = setTimeout(done, AGAIN);
      this.#onRead.add(look);
    });
  }

  #read({ clientId, epoch }: Fence, { shard, sequence }: LogPosition): void {
    const seen = this.#seen.get(clientId) ?? [];
    if ((seen[shard]?.epoch ?? 0) < epoch) seen[shard] = { epoch, sequence };
    // The oldest are forgotten first.
    this.#seen.delete(clientId);
    this.#seen.set(clientId, seen);
    trim(this.#seen);
    for (const look of this.#onRead) look();
  }
}

/** The oldest go first. */
function trim(kept: Map<string, unknown> | Set<string>): void {
  if (kept.size <= KEPT_MAX) return;
  for (const oldest of kept.keys()) {
    kept.delete(oldest);
    return;
  }
}
