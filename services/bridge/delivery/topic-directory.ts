import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { KafkaPort } from '../kafka/port.ts';
import { Backoff } from './backoff.ts';

export interface DirectoryOptions {
  kafka: Pick<KafkaPort, 'partitions' | 'createTopic'>;
  /** Whether topics that are not there are made. */
  create: boolean;
  log: Logger;
  signal: AbortSignal;
}

/** Partitions of a topic can grow; looked up again this often, milliseconds. */
const REFRESH = 300_000;

interface Known {
  partitions: number;
  at: number;
}

/** How many partitions each topic has, asked of Kafka until it answers. */
export class TopicDirectory {
  readonly #options: DirectoryOptions;
  readonly #known = new Map<string, Known>();
  readonly #loading = new Map<string, Promise<void>>();
  /** Why a topic that is waited for cannot be had. */
  readonly problems = new Map<string, string>();

  constructor(options: DirectoryOptions) {
    this.#options = options;
  }

  /** Undefined: call `load` first. */
  get(topic: string): number | undefined {
    const known = this.#known.get(topic);
    if (known === undefined) return undefined;
    if (performance.now() - known.at > REFRESH) {
      known.at = performance.now();
      void this.#refresh(topic, known);
    }
    return known.partitions;
  }

  /** Resolves when the topic is known, or the signal has ended the waiting. Never rejects. */
  load(topic: string): Promise<void> {
    const running = this.#loading.get(topic);
    if (running !== undefined) return running;
    const load = this.#load(topic).finally(() => this.#loading.delete(topic));
    this.#loading.set(topic, load);
    return load;
  }

  /** Kafka says that there is no such topic: looks again, and makes it where that is wanted. */
  doubt(topic: string): void {
    void this.load(topic);
  }

  async #load(topic: string): Promise<void> {
    const { kafka, create, log, signal } = this.#options;
    const backoff = new Backoff(signal);
    for (let attempt = 0; !signal.aborted; attempt++) {
      let problem = 'there is no such topic';
      try {
        const partitions = await kafka.partitions(topic);
        if (partitions !== undefined && partitions > 0) {
          this.#known.set(topic, { partitions, at: performance.now() });
          this.problems.delete(topic);
          return;
        }
        if (create) {
          await kafka.createTopic(topic);
          log.info({ topic }, 'made a topic');
        }
      } catch (error) {
        problem = describeError(error);
      }
      if (!create || attempt > 0) this.problems.set(topic, problem);
      if (attempt % 20 === 1) log.warn({ topic }, `waiting for a topic of Kafka: ${problem}`);
      await backoff.wait();
    }
  }

  async #refresh(topic: string, known: Known): Promise<void> {
    try {
      known.partitions = (await this.#options.kafka.partitions(topic)) ?? known.partitions;
    } catch {
      // The next one will tell.
    }
  }
}
