import { clusterTime } from '#core/cluster-time.ts';
import { describeError } from '#core/errors.ts';
import type { Version } from '#core/jetstream/quorum-register.ts';
import type { Logger } from '#core/log.ts';
import type { Message } from '#core/mqtt/message.ts';
import { willMessage } from '../codec/will.ts';
import type { IndexedSession, SessionIndex } from '../store/session-index.ts';
import { FencedError, type SessionStore } from '../store/session-store.ts';
import { encodeMeta, type SessionMeta } from './meta.ts';
import { NEVER } from './session.ts';

export interface CaretakerOptions {
  store: SessionStore;
  index: SessionIndex;
  log: Logger;
  /** Node and incarnation of this broker. */
  owner: string;
  /** Whether this broker is the one that looks after sessions now. */
  onDuty: () => boolean;
  /** Whether the broker of that node and incarnation lives. */
  alive: (owner: string) => boolean;
  /** Resolves when the will is durable. */
  publishWill: (message: Message, clientId: string) => Promise<void>;
  /** A session has ended that its client did not come back to. */
  onExpired: () => void;
}

const TICK = 500;
/** After a start or a return: time in which the others are heard of, milliseconds. */
const QUIET = 5_000;
/** Sessions in hand at a time. */
const PARALLEL_MAX = 256;

/**
 * Looks after stored sessions that nobody has: notes that the node of a client has died, publishes
 * wills that are due, takes out what has expired. One broker of the cluster is on duty; should two
 * believe so for a moment, the store's compare-and-set lets one of them do each thing.
 */
export class Caretaker {
  readonly #options: CaretakerOptions;
  readonly #inHand = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #quietUntil = 0;

  constructor(options: CaretakerOptions) {
    this.#options = options;
  }

  start(): void {
    this.rest();
    this.#timer = setInterval(() => this.#tick(), TICK);
  }

  /** Does nothing until it has heard who lives: at the start, and after having been cut off. */
  rest(): void {
    this.#quietUntil = performance.now() + QUIET;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const { onDuty, index } = this.#options;
    if (performance.now() < this.#quietUntil || !onDuty()) return;
    const now = clusterTime.now();
    for (const session of index.sessions) {
      if (this.#inHand.size >= PARALLEL_MAX) return;
      const { clientId } = session.meta;
      if (this.#inHand.has(clientId)) continue;
      const work = this.#workFor(session, now);
      if (work === undefined) continue;
      this.#inHand.add(clientId);
      void work
        .catch((error: unknown) => this.#failed(clientId, error))
        .finally(() => {
          this.#inHand.delete(clientId);
        });
    }
  }

  #workFor(session: IndexedSession, now: number): Promise<void> | undefined {
    const { alive } = this.#options;
    const { connected, owner, firing, will, willAt, endsAt } = session.meta;
    if (connected) return alive(owner) ? undefined : this.#orphan(session);
    if (firing !== undefined && alive(firing)) return undefined;
    const ended = endsAt !== null && endsAt <= now;
    // A session that ends takes its will with it: now, not later (MQTT 5, 3.1.3.2.2).
    if (will !== undefined && (willAt <= now || ended)) return this.#fire(session);
    return ended ? this.#remove(session) : undefined;
  }

  /** The node that had the client has died: its connection ended, so its time runs from now on. */
  async #orphan({ meta, version }: IndexedSession): Promise<void> {
    const now = clusterTime.now();
    const { will, expiry, clientId } = meta;
    const delay = will === undefined ? 0 : Math.min(will.delay, expiry) * 1000;
    const endsAt = expiry === NEVER ? null : now + Math.max(expiry * 1000, delay);
    const willAt = will === undefined ? 0 : now + delay;
    await this.#write(clientId, { ...meta, connected: false, endsAt, willAt }, version);
  }

  /** Claims the will, publishes it, and notes that it is done. */
  async #fire({ meta, version }: IndexedSession): Promise<void> {
    const { owner, publishWill } = this.#options;
    const { clientId, will } = meta;
    if (will === undefined) return;
    const claimed = await this.#write(clientId, { ...meta, firing: owner }, version);
    await publishWill(willMessage(will), clientId);
    const done = { ...meta, will: undefined, willAt: 0, firing: undefined };
    await this.#write(clientId, done, claimed);
  }

  async #remove({ meta, version }: IndexedSession): Promise<void> {
    const { store } = this.#options;
    const { clientId } = meta;
    await store.saveMeta(clientId, Buffer.alloc(0), version);
    store.dropState(clientId, meta.epoch);
    if (meta.expiry > 0) this.#options.onExpired();
  }

  #write(clientId: string, meta: SessionMeta, expected: Version): Promise<Version> {
    const { store } = this.#options;
    return store.saveMeta(clientId, encodeMeta(meta), expected);
  }

  #failed(clientId: string, error: unknown): void {
    // Its client is back, or another broker was faster.
    if (error instanceof FencedError) return;
    this.#options.log.warn({ clientId }, `a session without a client: ${describeError(error)}`);
  }
}
