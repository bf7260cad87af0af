import { BRIDGE_STREAM, BRIDGE_SUBJECT } from '#core/contracts/bridge.ts';
import type { Bus } from '#core/jetstream/bus.ts';
import { UNWRITTEN, type Version } from '#core/jetstream/quorum-register.ts';
import { RegisterStore } from '#core/jetstream/register-store.ts';
import type { Logger } from '#core/log.ts';
import { persist } from '#core/message-log/persist.ts';

export interface StoreOptions {
  bus: Bus;
  /** Nodes of the cluster that have a nats-server. */
  nodes: () => number;
  log: Logger;
}

/** A value and its version, by which the next write is checked; no bytes = there is none. */
export interface Stored {
  bytes: Buffer;
  version: Version;
}

/** Longest wait for one answer, milliseconds: shorter than a claim lasts. */
const TIMEOUT = 1_200;

/** What the bridges of a cluster keep together: who has which mapping, and what is wanted of it. */
export class BridgeStore {
  readonly #options: StoreOptions;
  readonly #values: RegisterStore;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#values = new RegisterStore({
      bus: options.bus,
      stream: BRIDGE_STREAM,
      subject: BRIDGE_SUBJECT,
      timeout: TIMEOUT,
    });
  }

  /** Resolves when the streams are there, however long that takes, until `signal` ends it. */
  async start(signal: AbortSignal): Promise<void> {
    const { log, nodes } = this.#options;
    await persist('waiting for JetStream', signal, log, () =>
      this.#values.ensure(Math.max(1, nodes())),
    );
  }

  /** Rejects with BRAMBLE_ENGINE_UNAVAILABLE. */
  async read(key: string): Promise<Stored> {
    return (await this.#values.load(key)) ?? { bytes: Buffer.alloc(0), version: UNWRITTEN };
  }

  /**
   * Writes if the version is still `expected`; resolves with the new one. Tries for `patience`
   * milliseconds, at least once. Rejects with BRAMBLE_FENCED when somebody else has written,
   * BRAMBLE_ENGINE_UNAVAILABLE when nobody knows.
   */
  write(key: string, bytes: Buffer, expected: Version, patience = 0): Promise<Version> {
    return this.#values.save(key, bytes, expected, patience);
  }
}
