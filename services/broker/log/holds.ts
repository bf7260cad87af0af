import {
  BRIDGE_STREAM,
  BRIDGE_SUBJECT,
  bridgeStateKey,
  holdSchema,
} from '#core/contracts/bridge.ts';
import type { Bus } from '#core/jetstream/bus.ts';
import { RegisterStore } from '#core/jetstream/register-store.ts';

const TIMEOUT = 2_000;

/** What those who consume the log, other than sessions, have still to read. */
export class LogHolds {
  readonly #values: RegisterStore;
  /** Names of the bridge's mappings, as configured now. */
  readonly #names: () => readonly string[];

  constructor(bus: Bus, names: () => readonly string[]) {
    const [stream, subject] = [BRIDGE_STREAM, BRIDGE_SUBJECT];
    this.#values = new RegisterStore({ bus, stream, subject, timeout: TIMEOUT });
    this.#names = names;
  }

  /**
   * By shard the first record that one of them needs; empty when nobody needs any. Rejects when
   * that cannot be learnt now: then nothing may be removed.
   */
  async floor(): Promise<number[]> {
    const floor: number[] = [];
    for (const name of this.#names()) {
      const stored = await this.#values.load(bridgeStateKey(name));
      if (stored === undefined || stored.bytes.length === 0) continue;
      const own = holdSchema.parse(JSON.parse(stored.bytes.toString())).floor;
      for (const [shard, sequence] of own.entries()) {
        floor[shard] = Math.min(floor[shard] ?? Number.POSITIVE_INFINITY, sequence);
      }
    }
    return floor;
  }
}
