import {
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  type StreamConfig,
} from '@nats-io/jetstream';
import { z } from 'zod';
import { askJson } from '#core/ask-json.ts';
import { describeError } from '#core/errors.ts';
import type { Bus } from '#core/jetstream/bus.ts';
import type { Logger } from '#core/log.ts';
import type { Members } from '../cluster/members.ts';

export interface AdoptionOptions {
  bus: Bus;
  members: Pick<Members, 'peers' | 'ask' | 'serve'>;
  /** As its nats-server has it in `server_tags`, behind `node:`. */
  node: string;
  /** Where the nats-server of this node is monitored: its `http`. */
  monitor: string;
  /** Brokers that are configured now. */
  brokers: () => number;
  log: Logger;
  /** Longest wait for the other brokers before new streams are made, milliseconds. */
  patience?: number;
}

const PREFIX = 'BRAMBLE_';
const STREAM_NOT_FOUND = 10_059;
/** One of the streams that every cluster has. */
const FIRST_STREAM = 'BRAMBLE_LOG_0';
const TIMEOUT = 2_000;
const RETRY = 250;
/** A node that is still starting may hold what the cluster should go on with, milliseconds. */
const PATIENCE = 60_000;

/** `/jsz?streams=true&config=true`, as far as it is of use here. */
const jszSchema = z.object({
  account_details: z
    .array(
      z.object({
        stream_detail: z
          .array(
            z.object({
              name: z.string(),
              config: z.looseObject({ subjects: z.array(z.string()).optional() }),
              state: z.object({ messages: z.number() }),
            }),
          )
          .optional(),
      }),
    )
    .optional(),
});

interface LocalStream {
  name: string;
  config: object;
  messages: number;
}

/**
 * Takes the streams of a node that was alone into the cluster that it has become part of. A
 * nats-server alone keeps no record of streams but the streams; in a cluster it finds them unknown,
 * and deletes them 30 s later. Made again under the same name and placed on the server that holds
 * them, they are what they were; replicas are added afterwards.
 *
 * New streams are made only when every node has looked: else an empty one would take the place of
 * one that a slower node brings.
 */
export class Adoption {
  readonly #options: AdoptionOptions;
  #done = false;

  constructor(options: AdoptionOptions) {
    this.#options = options;
  }

  /** Resolves when nothing of this node is left out, and new streams may be made. */
  async run(signal: AbortSignal): Promise<void> {
    const { bus, members, brokers, log, patience = PATIENCE } = this.#options;
    members.serve('adopted', (_, message) => message.respond(this.#done ? 'yes' : 'no'));
    const until = performance.now() + patience;
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      try {
        const manager = await jetstreamManager(bus.nats, { timeout: TIMEOUT });
        if (!this.#done) await this.#adopt(manager);
        this.#done = true;
        if (await isKnown(manager, FIRST_STREAM)) return;
        const peers = members.peers;
        const answers = await Promise.all(peers.map((peer) => members.ask(peer, 'adopted', '')));
        const looked = answers.filter((answer) => answer?.toString() === 'yes').length;
        if (looked >= brokers() - 1) return;
        if (performance.now() > until) {
          log.warn({ missing: brokers() - 1 - looked }, 'making streams without some brokers');
          return;
        }
      } catch (error) {
        if (attempt % 20 === 0) log.warn({ err: error }, 'waiting for JetStream');
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }

  async #adopt(manager: JetStreamManager): Promise<void> {
    const { node, log } = this.#options;
    for (const { name, config, messages } of await this.#local()) {
      if (await isKnown(manager, name)) continue;
      log.info({ stream: name, messages }, 'taking a stream of this node into the cluster');
      const placement = { tags: [`node:${node}`] };
      const whole = { ...config, num_replicas: 1, placement } as unknown as StreamConfig;
      try {
        await manager.streams.add(whole as StreamConfig & { name: string });
      } catch (error) {
        // The question may have been answered late, and by now there is one.
        if (!(await isKnown(manager, name))) throw error;
        log.warn({ stream: name }, describeError(error));
      }
    }
  }

  /** What the nats-server of this node has on its disk. */
  async #local(): Promise<LocalStream[]> {
    const url = new URL('/jsz?streams=true&config=true', this.#options.monitor);
    const { account_details = [] } = jszSchema.parse(
      await askJson(url, AbortSignal.timeout(TIMEOUT)),
    );
    return account_details
      .flatMap(({ stream_detail = [] }) => stream_detail)
      .filter(({ name }) => name.startsWith(PREFIX))
      .map(({ name, config, state }) => ({ name, config, messages: state.messages }));
  }
}

async function isKnown(manager: JetStreamManager, name: string): Promise<boolean> {
  try {
    await manager.streams.info(name);
    return true;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND) return false;
    throw error;
  }
}
