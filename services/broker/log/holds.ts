import { JetStreamApiError, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { BRIDGE_STREAM, bridgeStateSubject, holdSchema } from '#core/contracts/bridge.ts';
import { asBuffer, type Bus } from '#core/jetstream/bus.ts';

const TIMEOUT = 2_000;
const STREAM_NOT_FOUND = 10_059;
const MESSAGE_NOT_FOUND = 10_037;

/** What those who consume the log, other than sessions, have still to read. */
export class LogHolds {
  readonly #bus: Bus;
  /** Names of the bridge's mappings, as configured now. */
  readonly #names: () => readonly string[];
  #manager: JetStreamManager | undefined;

  constructor(bus: Bus, names: () => readonly string[]) {
    this.#bus = bus;
    this.#names = names;
  }

  /**
   * By shard the first record that one of them needs; empty when nobody needs any. Rejects when
   * that cannot be learnt now: then nothing may be removed.
   */
  async floor(): Promise<number[]> {
    const floor: number[] = [];
    for (const name of this.#names()) {
      const own = await this.#floorOf(name);
      for (const [shard, sequence] of own.entries()) {
        floor[shard] = Math.min(floor[shard] ?? Number.POSITIVE_INFINITY, sequence);
      }
    }
    return floor;
  }

  async #floorOf(name: string): Promise<number[]> {
    this.#manager ??= await jetstreamManager(this.#bus.nats, { timeout: TIMEOUT, checkAPI: false });
    try {
      const found = await this.#manager.streams.getMessage(BRIDGE_STREAM, {
        last_by_subj: bridgeStateSubject(name),
      });
      if (found === null) return [];
      return holdSchema.parse(JSON.parse(asBuffer(found.data).toString())).floor;
    } catch (error) {
      const { code } = error as JetStreamApiError;
      const none = code === STREAM_NOT_FOUND || code === MESSAGE_NOT_FOUND;
      if (error instanceof JetStreamApiError && none) return [];
      throw error;
    }
  }
}
