import { TokenBucket } from './token-bucket.ts';

export interface PublishLimits {
  /** PUBLISH packets of one client a second; undefined = no limit. */
  publishRate?: number | undefined;
  /** Bytes of them a second. */
  publishBytes?: number | undefined;
}

/** What one client has published lately: its two buckets, made with its first limited PUBLISH. */
export interface Paced {
  pace: { messages: TokenBucket; bytes: TokenBucket } | undefined;
}

/** How exact a pause is, milliseconds: all that end in one slot share a promise and the timer. */
const SLOT = 20;
/** Longest pause at a time, milliseconds; what is owed beyond it is asked for with the next packet. */
const PAUSE_MAX = 1_000;

/**
 * Slows publishers down to their rate. A client is not disconnected for publishing too fast: it is
 * read later, so that TCP tells it.
 */
export class Pacer {
  /** Whether any limit is set; asked for each PUBLISH. */
  active = false;
  /** Pauses so far. */
  pauses = 0;
  #rate = Number.POSITIVE_INFINITY;
  #bytes = Number.POSITIVE_INFINITY;
  readonly #slots = new Map<number, { promise: Promise<void>; end: () => void }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: PublishLimits) {
    this.configure(limits);
  }

  configure({ publishRate, publishBytes }: PublishLimits): void {
    this.#rate = publishRate ?? Number.POSITIVE_INFINITY;
    this.#bytes = publishBytes ?? Number.POSITIVE_INFINITY;
    this.active = publishRate !== undefined || publishBytes !== undefined;
  }

  /** Counts one PUBLISH; what its client has to wait for, if it is too fast. */
  charge(client: Paced, length: number): Promise<void> | undefined {
    client.pace ??= { messages: new TokenBucket(), bytes: new TokenBucket() };
    const now = performance.now();
    const { messages, bytes } = client.pace;
    let wait = 0;
    if (this.#rate !== Number.POSITIVE_INFINITY) {
      wait = messages.charge(now, this.#rate, this.#rate, 1);
    }
    if (this.#bytes !== Number.POSITIVE_INFINITY) {
      wait = Math.max(wait, bytes.charge(now, this.#bytes, this.#bytes, length));
    }
    if (wait === 0) return undefined;
    this.pauses++;
    return this.#pause(Math.min(wait, PAUSE_MAX));
  }

  /** Ends all pauses. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const { end } of this.#slots.values()) end();
    this.#slots.clear();
  }

  #pause(wait: number): Promise<void> {
    const slot = Math.ceil((performance.now() + wait) / SLOT);
    let known = this.#slots.get(slot);
    if (known === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      known = { promise, end: resolve };
      this.#slots.set(slot, known);
      this.#timer ??= setInterval(() => this.#turn(), SLOT);
    }
    return known.promise;
  }

  #turn(): void {
    const now = performance.now() / SLOT;
    for (const [slot, { end }] of this.#slots) {
      if (slot > now) continue;
      this.#slots.delete(slot);
      end();
    }
    if (this.#slots.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
