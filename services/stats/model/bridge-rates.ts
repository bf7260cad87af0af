import type { BridgeStatus } from '#core/contracts/bridge.ts';
import { type BridgeView, type MappingRates, rateKey } from './bridge.ts';
import { RateMeter } from './rates.ts';
import type { Sourced } from './sourced.ts';

/** What is remembered of one node's bridge from one answer to the next: a meter for each mapping. */
export class BridgeMemory {
  readonly #meters = new Map<string, RateMeter<'records' | 'bytes'>>();
  #metered: BridgeStatus | undefined;
  #rates: Record<string, MappingRates> = {};

  /** `answeredAt`: monotonic milliseconds. */
  view(status: Sourced<BridgeStatus>, answeredAt: number): BridgeView {
    if (status.state === 'fresh' && status.value !== this.#metered) {
      this.#metered = status.value;
      this.#rates = this.#meter(status.value, answeredAt);
    }
    return { status, rates: this.#rates };
  }

  #meter({ pid, startedAt, toKafka, toMqtt }: BridgeStatus, at: number) {
    const incarnation = `${pid} ${startedAt}`;
    const rates: Record<string, MappingRates> = {};
    const known = new Set<string>();
    const add = (key: string, records: number, bytes: number): void => {
      const meter = this.#meters.get(key) ?? new RateMeter<'records' | 'bytes'>();
      this.#meters.set(key, meter);
      known.add(key);
      meter.add({ at, incarnation, counters: { records, bytes } });
      const rate = meter.rates();
      if (rate !== undefined) rates[key] = rate;
    };
    for (const row of toKafka) add(rateKey('toKafka', row.name), row.delivered, row.bytes);
    for (const row of toMqtt) add(rateKey('toMqtt', row.name), row.published, row.bytes);
    for (const key of this.#meters.keys()) if (!known.has(key)) this.#meters.delete(key);
    return rates;
  }
}
