import { type Audit, audit } from '../support/accounting.ts';
import { ClusterLab, type LabOptions } from '../support/cluster-lab.ts';
import { ConnectProbe, DeliveryProbe } from '../support/faults/probes.ts';
import { Receiver } from '../support/faults/receiver.ts';
import { Rotation } from '../support/faults/rotation.ts';
import { Publisher } from '../support/load.ts';
import { seconds } from './duration.ts';
import { until } from './wait.ts';

export interface Scenario {
  lab?: LabOptions;
  /** Index of the node that the fault is about. */
  faulty?: number;
  /** Messages a second of each publisher. */
  rate?: number;
  /** Load before the fault, milliseconds. */
  before?: number;
  /** From the fault to its end, milliseconds. */
  hold: number;
  fault(lab: ClusterLab): Promise<void> | void;
  /** Ends the fault. */
  heal(lab: ClusterLab): Promise<void> | void;
}

/** Milliseconds. */
export interface Percentiles {
  p50: number;
  p99: number;
  max: number;
}

export interface Outcome {
  books: Audit;
  /** Messages that MQTT 5 publishers were told are not stored. */
  refused: number;
  /** Neither acknowledged nor refused in the end. */
  open: number;
  sessionsLost: number;
  /** From when a QoS 1 or 2 message was due to its acknowledgement, during and after the fault. */
  publish: Percentiles;
  /** The same for those of QoS 1, wherever they were. */
  publishAtLeastOnce: Percentiles;
  /** The same for publishers that were not at the faulty node. */
  publishElsewhere: Percentiles;
  /** The same for those of QoS 1. */
  publishElsewhereAtLeastOnce: Percentiles;
  /** Longest time without QoS 0 between two nodes that are not the faulty one. */
  deliveryGap: number;
  /** Longest time that a new client needed to get in. */
  connectMax: number;
  /** When each message was acknowledged that a persistent subscriber lacks; ascending. */
  lostAt: number[];
  /** When each message was taken first that a subscriber took twice at QoS 2; ascending. */
  doubledAt: number[];
}

const PUBLISHERS = 12;
const RATE = 40;
const PAYLOAD = 64;
/** Longest wait for what is under way when the load ends, milliseconds. */
const SETTLE = 40_000;
/** Nothing new for so long: nothing will come, milliseconds. */
const QUIET = 10_000;
const BEFORE = seconds(1.5, 5);
const AFTER = seconds(2, 10);

/**
 * Publishers of QoS 1 and 2 on every node, subscribers that are there and that are away, a fault in
 * the middle, and the books afterwards.
 */
export async function runScenario(scenario: Scenario): Promise<Outcome> {
  const { faulty = 0, hold } = scenario;
  const lab = await ClusterLab.start(scenario.lab ?? {});
  const rotation = new Rotation(lab.nodes);
  const run = new Run(lab, rotation, faulty, scenario.rate ?? RATE);
  try {
    rotation.start();
    await lab.settled();
    await run.prepare();
    run.produce();
    await pause(scenario.before ?? BEFORE);
    const from = performance.now();
    await scenario.fault(lab);
    await pause(hold);
    await scenario.heal(lab);
    await pause(AFTER);
    const to = performance.now();
    return await run.finish(from, to);
  } catch (error) {
    const said = lab.nodes.map(({ name, broker }) => `${name}: ${broker.output.slice(-1_500)}`);
    throw new Error(`${String(error)}\n${said.join('\n')}`, { cause: error });
  } finally {
    run.close();
    rotation.close();
    await lab.stop();
  }
}

/** The clients of one scenario. */
class Run {
  readonly #lab: ClusterLab;
  readonly #publishers: Publisher[];
  readonly #online: Receiver[];
  readonly #offline: { receiver: Receiver; returnsTo: number }[];
  readonly #delivery: DeliveryProbe;
  readonly #connects: ConnectProbe;
  readonly #faulty: number;

  constructor(lab: ClusterLab, rotation: Rotation, faulty: number, rate: number) {
    this.#lab = lab;
    this.#faulty = faulty;
    const { nodes } = lab;
    const count = nodes.length;
    const [left, right] = [(faulty + 1) % count, (faulty + 2) % count];
    this.#publishers = Array.from({ length: PUBLISHERS }, (_, i) => {
      const qos = i % 2 === 0 ? 1 : 2;
      const version = i % 4 < 2 ? 4 : 5;
      const id = `publisher-${i}`;
      const topic = `load/${qos}/${id}`;
      const home = nodes[i % count]!;
      return new Publisher({ id, qos, version, topic, rate, rotation, home, payload: PAYLOAD });
    });
    const receiver = (id: string, at: number, qos: 1 | 2, version: 4 | 5, clean = false) => {
      const home = nodes[at]!;
      return new Receiver({ id, filter: 'load/#', qos, version, clean, rotation, home });
    };
    this.#online = [
      receiver('online-1', left, 1, 4),
      receiver('online-2', right, 2, 5),
      receiver('online-2-faulty', faulty, 2, 4),
      receiver('clean-1', right, 1, 5, true),
    ];
    this.#offline = [
      { receiver: receiver('away-1-faulty', faulty, 1, 5), returnsTo: left },
      { receiver: receiver('away-2-faulty', faulty, 2, 4), returnsTo: right },
      { receiver: receiver('away-2', left, 2, 5), returnsTo: right },
    ];
    this.#delivery = new DeliveryProbe('delivery', rotation, nodes[left]!, nodes[right]!);
    this.#connects = new ConnectProbe('newcomer', rotation);
  }

  async prepare(): Promise<void> {
    const away = this.#offline.map(({ receiver }) => receiver);
    await Promise.all([...this.#online, ...away].map((receiver) => receiver.subscribe()));
    for (const receiver of away) receiver.leave();
    for (const publisher of this.#publishers) publisher.connect();
    await until('publishers are connected', () => this.#publishers.every((p) => p.connected));
    this.#delivery.start();
    await until('QoS 0 flows', () => this.#delivery.arrivals > 10);
  }

  produce(): void {
    for (const publisher of this.#publishers) publisher.produce();
    this.#connects.start();
  }

  async finish(from: number, to: number): Promise<Outcome> {
    for (const publisher of this.#publishers) publisher.finish();
    await until(
      'all is acknowledged',
      () => this.#publishers.every((p) => p.settled),
      SETTLE,
    ).catch(() => {});
    const deliveryGap = this.#delivery.blackout(from, to);
    const connectMax = this.#connects.times(from, to).at(-1) ?? Number.NaN;
    this.#connects.close();
    for (const { receiver, returnsTo } of this.#offline) {
      receiver.return(this.#lab.nodes[returnsTo]);
    }
    await this.#received();
    const books = this.#books();
    const elsewhere = this.#publishers.filter(
      ({ options }) => options.home !== this.#lab.nodes[this.#faulty],
    );
    const atLeastOnce = this.#publishers.filter(({ options }) => options.qos === 1);
    const sent = this.#publishers.flatMap((publisher) => publisher.sent);
    const receivers = this.#receivers.filter((receiver) => !receiver.options.clean);
    return {
      books,
      refused: sent.filter(({ refused }) => refused > 0).length,
      open: sent.filter((one) => one.refused === 0 && one.acknowledged === 0).length,
      sessionsLost: [...this.#publishers, ...receivers].reduce((sum, c) => sum + c.sessionsLost, 0),
      publish: latencies(this.#publishers, from, to),
      publishAtLeastOnce: latencies(atLeastOnce, from, to),
      publishElsewhere: latencies(elsewhere, from, to),
      publishElsewhereAtLeastOnce: latencies(
        elsewhere.filter((publisher) => atLeastOnce.includes(publisher)),
        from,
        to,
      ),
      deliveryGap,
      connectMax,
      lostAt: this.#lostAt(),
      doubledAt: this.#doubledAt(),
    };
  }

  close(): void {
    this.#delivery.close();
    this.#connects.close();
    for (const publisher of this.#publishers) publisher.close();
    for (const receiver of this.#receivers) receiver.leave();
  }

  get #receivers(): Receiver[] {
    return [...this.#online, ...this.#offline.map(({ receiver }) => receiver)];
  }

  /** Until every subscriber has everything, or all are there and nothing has come for a while. */
  async #received(): Promise<void> {
    const began = performance.now();
    let absent = began;
    while (performance.now() - began < SETTLE) {
      const now = performance.now();
      if (this.#receivers.some(({ connection }) => !connection.open)) absent = now;
      const last = Math.max(absent, ...this.#receivers.map(({ lastAt }) => lastAt));
      if (this.#books().lost === 0 || now - last > QUIET) break;
      await pause(200);
    }
    // What would come twice comes right behind.
    await pause(500);
  }

  #books(): Audit {
    const topics = this.#publishers.map(({ options: { topic, qos }, sent }) => {
      const acknowledged = new Set<number>();
      for (const [number, one] of sent.entries())
        if (one.acknowledged > 0) acknowledged.add(number);
      return { topic, qos, made: sent.length, acknowledged };
    });
    const takers = this.#receivers.map(({ options: { id, qos, clean }, taken, connection }) => ({
      subscriber: id,
      qos,
      taken,
      complete: !clean || connection.losses === 0,
    }));
    return audit(topics, takers);
  }

  #doubledAt(): number[] {
    const times: number[] = [];
    const exactlyOnce = this.#publishers.filter(({ options }) => options.qos === 2);
    for (const { options, taken, takenAt } of this.#receivers) {
      if (options.qos < 2) continue;
      for (const {
        options: { topic },
      } of exactlyOnce) {
        const numbers = taken.get(topic) ?? [];
        const first = new Map<number, number>();
        for (const [i, number] of numbers.entries()) {
          const at = first.get(number);
          if (at === undefined) first.set(number, takenAt.get(topic)![i]!);
          else times.push(at);
        }
      }
    }
    return times.sort((a, b) => a - b);
  }

  #lostAt(): number[] {
    const times: number[] = [];
    for (const { options, sent } of this.#publishers) {
      for (const receiver of this.#receivers) {
        if (receiver.options.clean) continue;
        const seen = new Set(receiver.taken.get(options.topic));
        for (const [number, { acknowledged }] of sent.entries()) {
          if (acknowledged > 0 && !seen.has(number)) times.push(acknowledged);
        }
      }
    }
    return times.sort((a, b) => a - b);
  }
}

function latencies(publishers: readonly Publisher[], from: number, to: number): Percentiles {
  const times = publishers
    .flatMap(({ sent }) => sent)
    .filter(({ due }) => due >= from && due <= to)
    .map(({ due, acknowledged, refused }) => {
      if (acknowledged > 0) return acknowledged - due;
      return refused > 0 ? Number.NaN : Number.POSITIVE_INFINITY;
    })
    .filter((time) => !Number.isNaN(time))
    .sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(times.length * share)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), max: times.at(-1) ?? Number.NaN };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
