import { describeError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { compact, type DirectGets, type Stored } from './direct-gets.ts';
import type { LogCounters } from './log-counters.ts';
import type { LogRecord } from './log-record.ts';
import { readRecord } from './record.ts';

export interface FeedOptions {
  shard: number;
  gets: Pick<DirectGets, 'from' | 'fromLeader'>;
  connected: () => boolean;
  counters: LogCounters;
  log: Logger;
  /** `peek` may have something now. */
  onReady: () => void;
  /** Records were gone before they were read. */
  onLeap: () => void;
}

/** Records that are asked for at once. */
const WINDOW_MAX = 32;
/** Records that wait for one before them; beyond, they are asked for again when it is their turn. */
const HELD_BYTES = 4 << 20;
/** Nothing heard for so long: ask whether there is a record that nats-server did not bring, ms. */
const POLL = 500;
/** A leader is asked after so long, and may be none any more when it says nothing, milliseconds. */
const LEADER_POLL = 1_000;
const LEADER_SILENCE = 3_000;
/** A replica of which a record is known to exist says so often that it has none: ask the leader. */
const MISSES_MAX = 3;

/**
 * One shard's records as nats-server commits them, strictly by sequence and without gaps. It brings
 * them over plain NATS, which may lose some when a server dies: what is missing is asked for.
 * Consumers would die with the server that holds them, and need the meta leader for a new one.
 */
export class ShardFeed {
  readonly #options: FeedOptions;
  /** Sequence to be read next; 0 before `begin`. */
  #next = 0;
  /** Highest sequence that is known to exist. */
  #known = 0;
  /** Highest sequence that nats-server told about as it committed it. */
  #committed = 0;
  readonly #held = new Map<number, Buffer>();
  #heldBytes = 0;
  readonly #asked = new Set<number>();
  /** Records beyond `#known` that are worth asking for; grows while they exist. */
  #window = 0;
  #misses = 0;
  #heardAt = 0;
  /** When the shard's leader was heard of last. */
  #ledAt = Number.NEGATIVE_INFINITY;
  #probing = false;
  #front: LogRecord | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** The sequence to be read next. */
  get next(): number {
    return this.#next;
  }

  /** Whether records are known to exist that were not read. */
  get behind(): boolean {
    return this.#known >= this.#next;
  }

  /** Whether the shard has a leader, as far as this node knows; to be asked again and again. */
  led(now: number): boolean {
    const silence = now - this.#ledAt;
    const due = silence > LEADER_POLL && !this.#probing && this.#next > 0;
    if (due && this.#options.connected()) void this.#probe();
    return silence < LEADER_SILENCE;
  }

  begin(next: number): void {
    if (next < this.#next) {
      this.#known = next - 1;
      this.#committed = next - 1;
    }
    this.#next = next;
    this.#front = undefined;
    for (const sequence of this.#held.keys()) if (sequence < next) this.#drop(sequence);
    this.#options.onReady();
    this.#fill();
  }

  /** A record that nats-server tells about. */
  arrived(sequence: number, bytes: Buffer): void {
    this.#heardAt = performance.now();
    this.#ledAt = this.#heardAt;
    if (sequence > this.#known) this.#known = sequence;
    if (sequence > this.#committed) this.#committed = sequence;
    if (sequence < this.#next) return;
    this.#hold(sequence, bytes);
    if (sequence === this.#next) this.#options.onReady();
    else if (this.#next > 0) this.#fill();
  }

  /** The next record, if it is here. */
  peek(): LogRecord | undefined {
    while (this.#front === undefined) {
      const bytes = this.#held.get(this.#next);
      if (bytes === undefined) return undefined;
      try {
        this.#front = readRecord(bytes, this.#options.shard, this.#next);
      } catch (error) {
        const { shard, log } = this.#options;
        log.error({ err: error, shard, sequence: this.#next }, 'a record is skipped');
        this.#drop(this.#next++);
      }
    }
    return this.#front;
  }

  /** Goes on behind the record that `peek` gave. */
  shift(): void {
    this.#front = undefined;
    this.#drop(this.#next++);
  }

  /** Asks for what is missing, and now and then whether something is. */
  tick(now: number): void {
    if (now - this.#heardAt > POLL) {
      this.#heardAt = now;
      this.#window = Math.max(this.#window, 1);
    }
    // The replica of this node gets another chance each time.
    if (this.#misses >= MISSES_MAX) this.#misses = MISSES_MAX - 1;
    this.#fill();
  }

  /** After the connection was gone. */
  resume(): void {
    this.#asked.clear();
    this.#window = 1;
    this.#fill();
  }

  #fill(): void {
    if (this.#next === 0 || !this.#options.connected() || this.#front !== undefined) return;
    const last = Math.min(
      this.#next + WINDOW_MAX - 1,
      Math.max(this.#known, this.#next + this.#window - 1),
    );
    for (let sequence = this.#next; sequence <= last; sequence++) {
      if (!this.#held.has(sequence) && !this.#asked.has(sequence)) void this.#ask(sequence);
    }
  }

  async #ask(sequence: number): Promise<void> {
    const { gets, shard, log } = this.#options;
    this.#asked.add(sequence);
    try {
      const lags = sequence <= this.#known && this.#misses >= MISSES_MAX;
      const found = await (lags ? gets.fromLeader(shard, sequence) : gets.from(shard, sequence));
      this.#asked.delete(sequence);
      if (!lags && found !== undefined) this.#misses = 0;
      if (found !== undefined) this.#found(sequence, found);
      else if (!lags) this.#missed(sequence);
      // The leader knows of no such record: it was told about by one that has lost it. What was
      // committed before all ears exists, though: then it is a leader of the past that answers.
      else if (sequence === this.#next && sequence > this.#committed) this.#known = sequence - 1;
    } catch (error) {
      // The next tick asks again.
      this.#asked.delete(sequence);
      log.debug({ shard, sequence }, describeError(error));
    }
  }

  /** A leader that was just elected may be the first to know of a record. */
  async #probe(): Promise<void> {
    const { gets, shard, log } = this.#options;
    const now = performance.now();
    const sequence = this.#next;
    this.#probing = true;
    try {
      const found = await gets.fromLeader(shard, sequence);
      this.#ledAt = now;
      if (found !== undefined) this.#found(sequence, found);
    } catch (error) {
      log.debug({ shard }, `no leader: ${describeError(error)}`);
    } finally {
      this.#probing = false;
    }
  }

  #found(asked: number, { sequence, bytes }: Stored): void {
    if (sequence < this.#next) return;
    if (!this.#held.has(sequence)) this.#options.counters.filled++;
    if (sequence > this.#known) this.#known = sequence;
    this.#hold(sequence, bytes);
    if (asked === this.#next && sequence > asked) {
      // Retention has removed what was between.
      this.#options.counters.lost += sequence - asked;
      const { shard, log } = this.#options;
      log.warn(
        { shard, from: asked, to: sequence - 1 },
        'records were removed before they were read',
      );
      this.#next = sequence;
      this.#options.onLeap();
    }
    this.#window = Math.min(WINDOW_MAX, Math.max(1, 2 * this.#window));
    this.#options.onReady();
    this.#fill();
  }

  /** The replica that was asked has nothing from there on: it is behind, or that is the end. */
  #missed(sequence: number): void {
    this.#window = 0;
    if (sequence !== this.#next || sequence > this.#known) return;
    if (++this.#misses >= MISSES_MAX) this.#fill();
  }

  #hold(sequence: number, bytes: Buffer): void {
    if (this.#held.has(sequence)) return;
    // The next one always, else nothing would ever be read.
    if (sequence !== this.#next && this.#heldBytes + bytes.length > HELD_BYTES) return;
    const own = compact(bytes);
    this.#held.set(sequence, own);
    this.#heldBytes += own.length;
  }

  #drop(sequence: number): void {
    const bytes = this.#held.get(sequence);
    if (bytes === undefined) return;
    this.#held.delete(sequence);
    this.#heldBytes -= bytes.length;
  }
}
