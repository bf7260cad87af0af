import { Bus } from '#core/jetstream/bus.ts';
import { Message } from '#core/mqtt/message.ts';
import { Members } from '../../services/broker/cluster/members.ts';
import { JetStreamLog, type JetStreamLogOptions } from '../../services/broker/log/jetstream-log.ts';
import { StreamCare } from '../../services/broker/store/stream-care.ts';
import { createLog } from '../../services/core/log.ts';
import type { NatsServer } from './nats.ts';

const START_TIMEOUT = 60_000;
/** Messages of the load; they begin with the time of their `append`. */
const LOAD_BYTES = 128;

/** What a node's log handed over: how often each message, and whether in order per topic. */
export class Tally {
  /** `origin:sequence` → times. */
  readonly times = new Map<string, number>();
  disordered = 0;
  total = 0;
  /** From `append` on, milliseconds, for messages of the load. */
  readonly latencies: number[] = [];
  readonly #last = new Map<string, number>();

  take(message: Message): void {
    const { origin, sequence, topic } = message;
    const id = `${origin}:${sequence}`;
    this.times.set(id, (this.times.get(id) ?? 0) + 1);
    this.total++;
    const lane = `${origin} ${topic}`;
    if ((this.#last.get(lane) ?? 0) >= sequence) this.disordered++;
    this.#last.set(lane, sequence);
    if (message.payload.length === LOAD_BYTES) {
      this.latencies.push(performance.now() - message.payload.readDoubleBE());
    }
  }

  /** Which of these were handed over not exactly once. */
  wrong(ids: Iterable<string>): string[] {
    return [...ids].filter((id) => this.times.get(id) !== 1);
  }

  get repeated(): number {
    return [...this.times.values()].filter((times) => times > 1).length;
  }
}

/** A node's log without its broker. */
export class LogNode {
  readonly bus: Bus;
  readonly members: Members;
  readonly log: JetStreamLog;
  readonly tally = new Tally();
  /** Settled without an error, by `origin:sequence`. */
  readonly confirmed = new Set<string>();
  readonly latencies: number[] = [];
  appended = 0;
  failed = 0;
  #load: NodeJS.Timeout | undefined;

  readonly #care: StreamCare;

  constructor(server: NatsServer, nodes: number, options: Partial<JetStreamLogOptions> = {}) {
    const log = createLog({
      service: 'log',
      node: server.name,
      level: process.env.BRAMBLE_LOG_LEVEL ?? 'silent',
    });
    const { url, user, password, name } = server;
    this.bus = new Bus({ url, user, password, name, log });
    this.members = new Members(this.bus, name);
    this.log = new JetStreamLog({
      bus: this.bus,
      members: this.members,
      nodes: () => nodes,
      log,
      onMessage: (message) => this.tally.take(message),
      ...options,
    });
    const { members } = this;
    this.#care = new StreamCare({
      bus: this.bus,
      families: [this.log.streams],
      nodes: () => nodes,
      responsible: () => members.isFirst,
      log,
    });
  }

  async start(): Promise<this> {
    const signal = AbortSignal.timeout(START_TIMEOUT);
    await this.bus.start(signal);
    await this.members.start();
    await this.log.start(signal);
    await this.#care.start();
    return this;
  }

  append(topic: string, payload: Buffer): void {
    const message = new Message(topic, 1, false, payload);
    message.sequence = ++this.appended;
    const id = `${this.members.node}:${message.sequence}`;
    const at = performance.now();
    this.log.append(message, {
      settle: (error) => {
        if (error === undefined) this.confirmed.add(id);
        else this.failed++;
        this.latencies.push(performance.now() - at);
      },
    });
  }

  /** Appends `rate` messages a second to `topics` topics until `stopLoad`. */
  startLoad(rate: number, topics = 30): void {
    const started = performance.now();
    let given = 0;
    this.#load = setInterval(() => {
      const due = ((performance.now() - started) / 1000) * rate;
      for (; given < due; given++) {
        const payload = Buffer.alloc(LOAD_BYTES);
        payload.writeDoubleBE(performance.now());
        this.append(`load/${given % topics}`, payload);
      }
    }, 5);
  }

  stopLoad(): void {
    clearInterval(this.#load);
  }

  get settled(): number {
    return this.confirmed.size + this.failed;
  }

  async close(): Promise<void> {
    this.stopLoad();
    this.#care.close();
    await this.log.close();
    this.members.close();
    await this.bus.close();
  }
}

/** The value below which a share of the numbers lies. */
export function percentile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
