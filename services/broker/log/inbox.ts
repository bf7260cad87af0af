import { createInbox, type Msg, type Subscription } from '@nats-io/transport-node';
import type { Bus } from '#core/jetstream/bus.ts';

/** What JetStream says to a record: its sequence, or why not. */
export type Answer = { sequence: number } | { error: string };

/** NATS: nobody listens, so the stream has no leader now. */
const NO_RESPONDERS = 503;

/**
 * Where JetStream's acknowledgements come in: one subscription for all, the subject's end tells
 * which record is meant. Cheaper than a request each, of which every one would have a promise and a
 * timer.
 */
export class Inbox {
  readonly #bus: Bus;
  readonly #take: (shard: number, lane: number, number: number, answer: Answer) => void;
  #prefix = '';
  #subscription: Subscription | undefined;

  constructor(
    bus: Bus,
    take: (shard: number, lane: number, number: number, answer: Answer) => void,
  ) {
    this.#bus = bus;
    this.#take = take;
  }

  start(): void {
    this.#prefix = createInbox();
    this.#subscription = this.#bus.subscribe(`${this.#prefix}.>`, (data, message) => {
      const [shard, lane, number] = message.subject.slice(this.#prefix.length + 1).split('.');
      this.#take(Number(shard), Number(lane), Number(number), readAnswer(data, message));
    });
  }

  close(): void {
    this.#subscription?.unsubscribe();
    this.#subscription = undefined;
  }

  /** The subject to which the answer to a record goes. */
  address(shard: number, lane: number, number: number): string {
    return `${this.#prefix}.${shard}.${lane}.${number}`;
  }
}

function readAnswer(data: Buffer, { headers }: Msg): Answer {
  if (headers?.code === NO_RESPONDERS) return { error: 'no leader' };
  try {
    const ack = JSON.parse(data.toString()) as { seq?: number; error?: { description?: string } };
    if (ack.error !== undefined) return { error: ack.error.description ?? 'refused' };
    if (typeof ack.seq === 'number' && ack.seq > 0) return { sequence: ack.seq };
  } catch {
    // Not JetStream's.
  }
  return { error: 'an answer that cannot be read' };
}
