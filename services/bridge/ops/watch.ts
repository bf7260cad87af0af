import type { BridgeLag } from '#core/contracts/bridge.ts';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { LogConsumer } from '#core/message-log/consumer.ts';
import type { KafkaHealth, KafkaPort } from '../kafka/port.ts';
import type { MappingToKafka } from '../outbound/mapping-to-kafka.ts';
import { measureLag } from './lag.ts';

export interface WatchOptions {
  consumer: LogConsumer;
  kafka: KafkaPort;
  mappings: () => Iterable<MappingToKafka>;
  /** Share of the log's retention from which on it is said aloud. */
  alert: () => number;
  log: Logger;
}

const INTERVAL = 3_000;
/** Between two alerts about the same mapping, milliseconds. */
const ALERT_AGAIN = 300_000;

/** Looks at Kafka and at how far each mapping is behind, now and then. */
export class Watch {
  health: KafkaHealth = { reachable: false, brokers: 0, reason: undefined };
  readonly lags = new Map<string, BridgeLag>();
  readonly #options: WatchOptions;
  readonly #alerted = new Map<string, number>();
  readonly #lost = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  /** Undefined before the first answer, so that the first one is told too. */
  #reachable: boolean | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#turn();
  }

  /** Whether Kafka has been asked, so that `health` says something. */
  get asked(): boolean {
    return this.#reachable !== undefined;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #turn(): Promise<void> {
    await Promise.all([this.#askKafka(), this.#measure()]);
    if (!this.#closed) this.#timer = setTimeout(() => void this.#turn(), INTERVAL);
  }

  async #askKafka(): Promise<void> {
    const { kafka, log } = this.#options;
    const health = await kafka.health();
    if (this.#closed) return;
    if (health.reachable !== this.#reachable) {
      if (health.reachable) log.info({ brokers: health.brokers }, 'Kafka answers');
      else log.error({ reason: health.reason }, 'Kafka is away; the log keeps what comes');
    }
    this.health = health;
    this.#reachable = health.reachable;
  }

  async #measure(): Promise<void> {
    const { consumer, mappings, log } = this.#options;
    for (const { mapping, progress } of mappings()) {
      if (progress === undefined) {
        this.lags.delete(mapping.name);
        continue;
      }
      const { pump, reached } = progress;
      this.#tellLost(mapping.name, pump.lost);
      try {
        const perRecord = pump.records === 0 ? 1 : pump.messages / pump.records;
        const lag = await measureLag(consumer, reached, perRecord);
        this.lags.set(mapping.name, lag);
        this.#alert(mapping.name, lag);
      } catch (error) {
        log.debug(`lag is measured later: ${describeError(error)}`);
      }
    }
  }

  #tellLost(mapping: string, lost: number): void {
    if (lost > (this.#lost.get(mapping) ?? 0)) {
      this.#options.log.error(
        { mapping, records: lost },
        'the log had dropped what was not carried',
      );
    }
    this.#lost.set(mapping, lost);
  }

  #alert(mapping: string, lag: BridgeLag): void {
    const { alert, log } = this.#options;
    if (lag.retention < alert()) {
      if (!this.#alerted.delete(mapping)) return;
      const bound = `${Math.round(100 * alert())} %`;
      log.info({ mapping, ...lag }, `less than ${bound} of what the log keeps waits again`);
      return;
    }
    const now = performance.now();
    if (now - (this.#alerted.get(mapping) ?? Number.NEGATIVE_INFINITY) < ALERT_AGAIN) return;
    this.#alerted.set(mapping, now);
    const share = `${Math.round(100 * lag.retention)} %`;
    log.error({ mapping, ...lag }, `${share} of what the log keeps waits for Kafka`);
  }
}
