import {
  type BridgeControl,
  bridgeControlKey,
  bridgeControlSchema,
} from '#core/contracts/bridge.ts';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { LogConsumer } from '#core/message-log/consumer.ts';
import { Cursor } from '#core/message-log/cursor.ts';
import type { BridgeStore } from '../cluster/store.ts';

export interface ControlOptions {
  mapping: string;
  store: Pick<BridgeStore, 'read' | 'write'>;
  log: Logger;
}

const LOOK = 1_000;
const NOTHING: BridgeControl = { paused: false, number: 0 };
const ATTEMPTS = 5;
/** Longest wait until what was asked for stands, milliseconds. */
const PATIENCE = 5_000;

/**
 * What the owner wants of a mapping, kept in the cluster's store: whoever has the mapping, now or
 * later, follows it.
 */
export class Control {
  /** Number of the last replay that was carried out. */
  done = 0;
  readonly #options: ControlOptions;
  readonly #key: string;
  #wanted: BridgeControl = NOTHING;
  #nonce = '';
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #onChange: () => void = () => {};

  constructor(options: ControlOptions) {
    this.#options = options;
    this.#key = bridgeControlKey(options.mapping);
  }

  get isPaused(): boolean {
    return this.#wanted.paused;
  }

  /** A replay that was not carried out yet. */
  get replay(): BridgeControl['replay'] {
    return this.#wanted.number > this.done ? this.#wanted.replay : undefined;
  }

  start(onChange: () => void): void {
    this.#onChange = onChange;
    this.#timer = setInterval(() => void this.#look(), LOOK);
    void this.#look();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  carriedOut(): void {
    this.done = this.#wanted.number;
  }

  /** Asks for something, of whichever bridge. Rejects with BRAMBLE_ENGINE_UNAVAILABLE. */
  async ask(change: { paused?: boolean; replay?: NonNullable<BridgeControl['replay']> }) {
    const { store } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const { bytes, version } = await store.read(this.#key);
      const before = read(bytes);
      const number = change.replay === undefined ? before.number : before.number + 1;
      const wanted: BridgeControl = { ...before, ...change, number };
      try {
        await store.write(this.#key, Buffer.from(JSON.stringify(wanted)), version, PATIENCE);
        break;
      } catch (error) {
        const fenced = error instanceof BrambleError && error.code === ERROR_CODES.FENCED;
        if (!fenced || attempt === ATTEMPTS) throw error;
      }
    }
    await this.#look();
  }

  /** The place where a replay begins: no record at or after the time stands before it. */
  async find(
    consumer: Pick<LogConsumer, 'head' | 'shard' | 'timeOf'>,
    replay: NonNullable<BridgeControl['replay']>,
  ): Promise<Cursor | undefined> {
    if (replay === 'latest') return consumer.head.clone();
    const cursor = Cursor.start(consumer.head.sequences.length);
    try {
      for (const shard of cursor.sequences.keys()) {
        const { first, last } = await consumer.shard(shard);
        let [low, high] = [first, last + 1];
        while (replay !== 'earliest' && low < high) {
          const middle = Math.floor((low + high) / 2);
          const time = await consumer.timeOf(shard, middle);
          if (time !== undefined && time < replay) low = middle + 1;
          else high = middle;
        }
        cursor.sequences[shard] = low - 1;
      }
      return cursor;
    } catch (error) {
      this.#options.log.warn(`a replay begins later: ${describeError(error)}`);
      return undefined;
    }
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const { bytes, version } = await this.#options.store.read(this.#key);
      if (version.nonce !== this.#nonce) {
        this.#wanted = read(bytes);
        this.#nonce = version.nonce;
      }
      if (this.replay !== undefined) this.#onChange();
    } catch (error) {
      this.#options.log.debug(`what is wanted is asked later: ${describeError(error)}`);
    } finally {
      this.#looking = false;
    }
  }
}

function read(bytes: Buffer): BridgeControl {
  if (bytes.length === 0) return NOTHING;
  return bridgeControlSchema.parse(JSON.parse(bytes.toString()));
}
