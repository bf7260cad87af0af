import type { BridgeSettings, ToKafka } from '#core/config/bridge.ts';
import type { BridgeState } from '#core/contracts/bridge.ts';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { LogConsumer } from '#core/message-log/consumer.ts';
import type { Cursor } from '#core/message-log/cursor.ts';
import { Claim, type Place } from '../cluster/claim.ts';
import type { BridgeStore } from '../cluster/store.ts';
import { Backoff } from '../delivery/backoff.ts';
import { shareOf } from '../delivery/budget.ts';
import { createDeliveryCounters } from '../delivery/counters.ts';
import { Delivery, type DeliveryOptions } from '../delivery/delivery.ts';
import type { TopicDirectory } from '../delivery/topic-directory.ts';
import type { KafkaPort, RecordProducer } from '../kafka/port.ts';
import type { MqttLink } from '../mqtt/link.ts';
import { Control } from './control.ts';
import { LiveSource } from './live-source.ts';
import { Pump } from './pump.ts';
import { RateLimit } from './rate-limit.ts';
import { startCursor } from './start-cursor.ts';
import { Translator } from './translator.ts';

export interface ToKafkaOptions {
  mapping: ToKafka;
  settings: BridgeSettings;
  cluster: string;
  self: string;
  consumer: LogConsumer;
  store: BridgeStore;
  kafka: KafkaPort;
  topics: TopicDirectory;
  /** Where QoS 0 comes from. */
  link: MqttLink;
  preferred: (mapping: string) => boolean;
  /** Mappings that share the memory of this bridge. */
  mappings: () => number;
  onDelivered: (took: number) => void;
  log: Logger;
}

/** Longest wait for what is on its way when the mapping is given up, milliseconds. */
const DRAIN = 3_000;

/** One mapping from MQTT to Kafka: at work while this bridge holds its claim. */
export class MappingToKafka {
  readonly mapping: ToKafka;
  readonly counters = createDeliveryCounters();
  readonly claim: Claim;
  readonly control: Control;
  /** Records that the log had dropped before they were carried. */
  lost = 0;
  readonly #options: ToKafkaOptions;
  readonly #log: Logger;
  #work: Work | undefined;
  #replaying = false;
  #resume: (() => void)[] = [];

  constructor(options: ToKafkaOptions) {
    const { mapping, store, self, preferred } = options;
    this.#options = options;
    this.mapping = mapping;
    this.#log = options.log.child({ mapping: mapping.name });
    this.control = new Control({ mapping: mapping.name, store, log: this.#log });
    this.claim = new Claim({
      mapping: mapping.name,
      self,
      store,
      preferred: () => preferred(mapping.name),
      onTaken: (stored) => {
        this.control.done = stored?.control ?? 0;
        this.#begin(stored);
      },
      onDoubt: () => this.#work?.producer.sever(),
      onResumed: () => this.#go(),
      onLost: () => this.#end(),
      log: this.#log,
    });
  }

  start(): void {
    this.claim.start();
    this.control.start(() => void this.#controlled());
  }

  /** Finishes what is on its way, stores the place and gives the claim back. */
  async close(): Promise<void> {
    this.control.close();
    await this.#drain();
    await this.claim.close();
    this.#end();
  }

  /** Gives the mapping to the bridge that should have it. */
  async handOver(): Promise<void> {
    await this.#drain();
    await this.claim.release();
  }

  /** How far it has come, while it is at work here. */
  get progress(): { pump: Pump; delivery: Delivery; reached: Cursor } | undefined {
    const { pump, delivery, reached } = this.#work ?? {};
    if (pump === undefined || delivery === undefined || reached === undefined) return undefined;
    return { pump, delivery, reached };
  }

  async #drain(): Promise<void> {
    const work = this.#work;
    if (work === undefined) return;
    work.reading.abort();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, DRAIN);
    });
    await Promise.race([work.drained(), late]);
    clearTimeout(timer);
  }

  #begin(stored: BridgeState | undefined): void {
    const { mapping, settings, kafka, topics, mappings, onDelivered } = this.#options;
    const abort = new AbortController();
    const producer = kafka.producer(mapping.name);
    const work: Work = new Work(abort, producer);
    this.#work = work;
    const common = {
      topics,
      compression: mapping.compression,
      partition: mapping.partition,
      batch: settings.batch,
      deadLetter: settings.deadLetter,
      counters: this.counters,
      admission: () => this.#admission(abort.signal),
      onDelivered,
      log: this.#log,
      signal: abort.signal,
    };
    work.delivery = new Delivery({
      ...common,
      producer,
      get buffer() {
        return shareOf(settings.buffer, mappings());
      },
      onSettled: (mark) => work.pump?.settle(mark),
    });
    if (mapping.qos === 0) this.#listen(work, common);
    void this.#run(work, stored);
  }

  /** QoS 0 has a way of its own, so that it holds nothing up. */
  #listen(work: Work, common: Omit<DeliveryOptions, 'producer' | 'buffer' | 'onSettled'>): void {
    const { mapping, settings, kafka, cluster, link, mappings } = this.#options;
    work.live = new Live(
      kafka.producer(`${mapping.name}.qos0`),
      (producer) =>
        new Delivery({
          ...common,
          producer,
          get buffer() {
            return shareOf(settings.buffer0, mappings());
          },
          onSettled: () => {},
        }),
      (delivery) =>
        new LiveSource({
          link,
          filters: mapping.filters,
          translator: new Translator(mapping, cluster),
          delivery,
          counters: this.counters,
        }),
    );
  }

  async #run(work: Work, stored: BridgeState | undefined): Promise<void> {
    const { mapping, consumer, cluster } = this.#options;
    const { signal } = work.abort;
    const backoff = new Backoff(signal);
    while (!signal.aborted && work.reached === undefined) {
      try {
        work.reached = await startCursor({ consumer, stored, start: mapping.start });
      } catch (error) {
        this.#log.warn(`the log cannot be read now: ${describeError(error)}`);
        await backoff.wait();
      }
    }
    if (work.reached === undefined || work.reading.signal.aborted) return;
    this.#save(work.reached);
    work.pump = new Pump({
      consumer,
      from: work.reached,
      translator: new Translator(mapping, cluster),
      delivery: work.delivery!,
      rate: mapping.rate === undefined ? undefined : new RateLimit(mapping.rate),
      paused: () => this.control.isPaused,
      onReached: (cursor) => {
        work.reached = cursor;
        if (this.#work === work) this.#save(cursor);
      },
      log: this.#log,
      signal: work.reading.signal,
    });
    work.running = work.pump.run();
    await work.running;
    this.lost += work.pump.lost;
  }

  #save(cursor: Cursor): void {
    const control = this.control.done;
    const place = (): Place => ({
      floor: cursor.sequences.map((sequence) => sequence + 1),
      cursor: cursor.encode().toString('base64'),
      control,
    });
    this.claim.save(place, this.counters.delivered);
  }

  /** Waits while the claim is in doubt; whoever ends the work lets it go on. */
  #admission(signal: AbortSignal): Promise<void> | undefined {
    if (this.claim.valid || signal.aborted) return undefined;
    return new Promise((resolve) => this.#resume.push(resolve));
  }

  #go(): void {
    const waiting = this.#resume;
    this.#resume = [];
    for (const resume of waiting) resume();
  }

  #end(): void {
    const work = this.#work;
    this.#work = undefined;
    if (work === undefined) return;
    work.end();
    this.#go();
  }

  /** A replay was asked for: begins again from there. */
  async #controlled(): Promise<void> {
    const { consumer } = this.#options;
    const { replay } = this.control;
    if (replay === undefined || !this.claim.held || this.#replaying) return;
    this.#replaying = true;
    try {
      await this.#replay(consumer, replay);
    } finally {
      this.#replaying = false;
    }
  }

  async #replay(consumer: LogConsumer, replay: NonNullable<Control['replay']>): Promise<void> {
    const cursor = await this.control.find(consumer, replay);
    const work = this.#work;
    if (cursor === undefined || work === undefined) return;
    await this.#drain();
    // Another bridge has it by now, and carries the replay out.
    if (this.#work !== work) return;
    work.end();
    this.#go();
    this.#log.info({ replay, to: cursor.sequences }, 'replays');
    this.control.carriedOut();
    this.#begin({ cursor: cursor.encode().toString('base64'), savedAt: Date.now() } as BridgeState);
  }
}

/** The way of QoS 0. */
class Live {
  readonly producer: RecordProducer;
  readonly delivery: Delivery;
  readonly source: LiveSource;

  constructor(
    producer: RecordProducer,
    deliver: (producer: RecordProducer) => Delivery,
    listen: (delivery: Delivery) => LiveSource,
  ) {
    this.producer = producer;
    this.delivery = deliver(producer);
    this.source = listen(this.delivery);
    this.source.start();
  }

  end(): void {
    this.source.close();
    this.delivery.close();
    this.producer.sever();
    void this.producer.close();
  }
}

/** What is there only while the claim is held. */
class Work {
  readonly abort: AbortController;
  readonly producer: RecordProducer;
  /** Ends the reading; what was read is still delivered. */
  readonly reading = new AbortController();
  delivery: Delivery | undefined;
  pump: Pump | undefined;
  live: Live | undefined;
  running: Promise<void> | undefined;
  reached: Cursor | undefined;

  constructor(abort: AbortController, producer: RecordProducer) {
    this.abort = abort;
    this.producer = producer;
    abort.signal.addEventListener('abort', () => this.reading.abort(), { once: true });
  }

  /** The reading has ended, and all that was read is in Kafka. */
  async drained(): Promise<void> {
    this.live?.source.close();
    await this.running;
    await this.delivery?.drained();
    await this.live?.delivery.drained();
  }

  end(): void {
    this.abort.abort();
    this.live?.end();
    this.delivery?.close();
    this.producer.sever();
    void this.producer.close();
  }
}
