import { randomUUID } from 'node:crypto';
import { type BridgeState, bridgeStateKey, bridgeStateSchema } from '#core/contracts/bridge.ts';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import { UNWRITTEN, type Version } from '#core/jetstream/quorum-register.ts';
import type { Logger } from '#core/log.ts';
import type { BridgeStore } from './store.ts';

/** What the holder of a claim stores with it. */
export type Place = Pick<BridgeState, 'floor' | 'cursor' | 'control'>;

export interface ClaimOptions {
  mapping: string;
  /** Node and incarnation of this bridge. */
  self: string;
  store: Pick<BridgeStore, 'read' | 'write'>;
  /** Whether this bridge is the one that should have the mapping, of those alive. */
  preferred: () => boolean;
  /** The mapping is this bridge's from now on; `stored` as its last holder left it. */
  onTaken: (stored: BridgeState | undefined) => void;
  /** Nothing may be written to Kafka any more, until `onResumed`. */
  onDoubt: () => void;
  onResumed: () => void;
  /** Somebody else has it. */
  onLost: () => void;
  log: Logger;
}

/** Milliseconds. A claim is written again this often, */
const RENEW = 700;
/** counts so long from the moment when its last write began, */
const VALID = 2_500;
/** and is taken over when nobody has written it for so long. */
const EXPIRED = 3_200;
/** Who is not preferred leaves the others so much of a start. */
const COURTESY = 700;
const LOOK = 400;
/**
 * Between two writes of a place that moves slowly: what is behind it is sent again after a crash.
 * One that has moved over so many records is written without a wait.
 */
const SAVE = 100;
const SAVE_RECORDS = 100;
const ATTEMPTS = 3;

/**
 * This bridge's hold on one mapping: a value in the store that its holder renews by compare-and-set
 * and that others take over when it is not renewed. Each measures by its own clock what it sees
 * itself, so the clocks of the nodes do not matter. The place in the log is in the same value: who
 * has lost the claim cannot move it.
 */
export class Claim {
  readonly #options: ClaimOptions;
  readonly #key: string;
  #held = false;
  #doubt = false;
  #state: BridgeState | undefined;
  #version = UNWRITTEN;
  /** When another version than before was seen first. */
  #seenAt = 0;
  #validUntil = 0;
  #writtenAt = 0;
  #dirty: (() => Place) | undefined;
  /** Records before the place, now and when it was written last. */
  #records = 0;
  #written = 0;
  /** When the last write began, and whether it failed. */
  #triedAt = 0;
  #failed = false;
  /** The next write is about to begin. */
  #hurried = false;
  /** Of writes since the last one that was answered. */
  readonly #nonces = new Set<string>();
  #closing = false;
  #timer: NodeJS.Timeout | undefined;
  #guard: NodeJS.Timeout | undefined;
  #turn: Promise<void> | undefined;

  constructor(options: ClaimOptions) {
    this.#options = options;
    this.#key = bridgeStateKey(options.mapping);
  }

  get held(): boolean {
    return this.#held;
  }

  /** Whether this bridge may write to Kafka in this moment. */
  get valid(): boolean {
    return this.#held && performance.now() < this.#validUntil;
  }

  /** Who has it, as far as known; '' = nobody. */
  get owner(): string {
    return this.#held ? this.#options.self : (this.#state?.owner ?? '');
  }

  get epoch(): number {
    return this.#state?.epoch ?? 0;
  }

  start(): void {
    this.#again(0);
  }

  /** Stores a new place with the next write, which is soon; `records` lie before it in all. */
  save(place: () => Place, records = 0): void {
    const first = this.#dirty === undefined;
    this.#dirty = place;
    this.#records = records;
    if (!this.#held || this.#turn !== undefined) return;
    if (this.#far ? !this.#hurried : first) this.#again(this.#untilSave);
  }

  /** How long the next write of a place waits, milliseconds. */
  get #untilSave(): number {
    if (this.#far && !this.#failed) return 0;
    return Math.max(0, this.#triedAt + SAVE - performance.now());
  }

  /** The place has moved over many records since it was written. */
  get #far(): boolean {
    return this.#records - this.#written >= SAVE_RECORDS;
  }

  /** Resolves when the claim is given back with the last place, or that was not possible. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#timer);
    await this.#turn;
    if (this.#held) await this.release();
    clearTimeout(this.#guard);
  }

  /** Gives the claim to whoever comes first. Never rejects. */
  async release(): Promise<void> {
    await this.#turn;
    // Nothing else writes meanwhile.
    clearTimeout(this.#timer);
    if (this.#held) {
      try {
        await this.#write('');
      } catch (error) {
        this.#options.log.debug(`a mapping is not given back: ${describeError(error)}`);
      }
      this.#lose(false);
    }
    this.#again(LOOK);
  }

  #again(wait: number): void {
    clearTimeout(this.#timer);
    if (this.#closing) return;
    this.#hurried = wait === 0;
    this.#timer = setTimeout(() => {
      this.#hurried = false;
      this.#turn = this.#step().finally(() => {
        this.#turn = undefined;
        const soon = this.#held && this.#dirty !== undefined && !this.#doubt;
        this.#again(soon ? this.#untilSave : LOOK);
      });
    }, wait);
  }

  async #step(): Promise<void> {
    try {
      if (this.#held) await this.#renew();
      else await this.#look();
    } catch (error) {
      if (error instanceof BrambleError && error.code === ERROR_CODES.FENCED) {
        if (this.#held) this.#lose(true);
      } else {
        this.#options.log.debug(describeError(error));
      }
    }
  }

  async #renew(): Promise<void> {
    if (this.#dirty === undefined && performance.now() - this.#writtenAt < RENEW) return;
    const before = this.#validUntil;
    await this.#write(this.#options.self);
    // Its end may have passed without a timer that told of it, in a process that was frozen: who
    // asked meanwhile waits.
    const lapsed = this.#doubt || performance.now() >= before;
    if (!lapsed || !this.valid) return;
    this.#doubt = false;
    this.#options.onResumed();
  }

  async #look(): Promise<void> {
    const { store, preferred, self, log } = this.#options;
    const { bytes, version } = await store.read(this.#key);
    const now = performance.now();
    const changed = version.nonce !== this.#version.nonce;
    // Also of one that is the same: what its writer may find where may have changed.
    this.#version = version;
    if (changed || this.#seenAt === 0) {
      this.#seenAt = now;
      this.#state = bytes.length === 0 ? undefined : readState(bytes, log);
    }
    const owner = this.#state?.owner ?? '';
    const wait = (owner === '' ? 0 : EXPIRED) + (preferred() ? 0 : COURTESY);
    if (now - this.#seenAt < wait) return;
    const stored = this.#state;
    const next: BridgeState = {
      floor: stored?.floor ?? [],
      cursor: stored?.cursor ?? '',
      control: stored?.control ?? 0,
      savedAt: stored?.savedAt ?? Date.now(),
      owner: self,
      epoch: (stored?.epoch ?? 0) + 1,
      nonce: randomUUID(),
    };
    await this.#put(next);
    this.#held = true;
    this.#doubt = false;
    this.#dirty = undefined;
    log.info({ epoch: next.epoch, from: owner }, 'took a mapping');
    this.#options.onTaken(stored);
  }

  async #write(owner: string): Promise<void> {
    const place = this.#dirty;
    const written = this.#written;
    this.#triedAt = performance.now();
    this.#dirty = undefined;
    this.#written = this.#records;
    const before = this.#state!;
    const moved = place === undefined ? {} : { ...place(), savedAt: Date.now() };
    try {
      await this.#put({ ...before, ...moved, owner, nonce: randomUUID() });
      this.#failed = false;
    } catch (error) {
      this.#dirty ??= place;
      this.#written = written;
      this.#failed = true;
      throw error;
    }
  }

  async #put(state: BridgeState): Promise<void> {
    const began = performance.now();
    this.#version = await this.#putOver(state);
    this.#state = state;
    this.#nonces.clear();
    this.#seenAt = performance.now();
    this.#writtenAt = began;
    this.#validUntil = began + VALID;
    clearTimeout(this.#guard);
    this.#guard = setTimeout(() => this.#expired(), this.#validUntil - performance.now());
  }

  /** A write whose answer was lost may stand there, or get there late: it is no other bridge's. */
  async #putOver(state: BridgeState): Promise<Version> {
    const { store, log } = this.#options;
    const bytes = Buffer.from(JSON.stringify(state));
    this.#nonces.add(state.nonce);
    for (let attempt = 1; ; attempt++) {
      try {
        return await store.write(this.#key, bytes, this.#version);
      } catch (error) {
        const fenced = error instanceof BrambleError && error.code === ERROR_CODES.FENCED;
        if (!fenced || attempt === ATTEMPTS) throw error;
        const now = await store.read(this.#key);
        if (!this.#nonces.has(readState(now.bytes, log)?.nonce ?? '')) throw error;
        this.#version = now.version;
      }
    }
  }

  /** The claim was not renewed in time: another bridge may take it soon. */
  #expired(): void {
    if (!this.#held || this.#doubt) return;
    this.#doubt = true;
    this.#options.log.warn('a mapping cannot be kept');
    this.#options.onDoubt();
  }

  #lose(fenced: boolean): void {
    this.#held = false;
    this.#doubt = false;
    this.#dirty = undefined;
    this.#seenAt = 0;
    this.#validUntil = 0;
    clearTimeout(this.#guard);
    const { log, onLost } = this.#options;
    log.info({ fenced }, 'gave a mapping up');
    onLost();
  }
}

function readState(bytes: Buffer, log: Logger): BridgeState | undefined {
  try {
    return bridgeStateSchema.parse(JSON.parse(bytes.toString()));
  } catch (error) {
    log.error(`a stored place cannot be read: ${describeError(error)}`);
    return undefined;
  }
}
