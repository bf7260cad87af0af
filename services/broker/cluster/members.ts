import type { Msg, Subscription } from '@nats-io/transport-node';
import { clusterTime } from '#core/cluster-time.ts';
import { nodeOfWorker } from '#core/contracts/workers.ts';
import type { Bus } from '#core/jetstream/bus.ts';
import { encodeLevel } from '../router/subjects.ts';
import { HybridClock } from './clock.ts';

/** Longest wait for another node's answer, milliseconds: a dead node must not hold up a client. */
export const PEER_TIMEOUT = 1_000;
const HELLO = 'bramble.hello';
const HELLO_INTERVAL = 1_000;
/** A node that was not heard for this long is gone, milliseconds. */
const SILENCE = 3_500;
/** At start, how long to listen for the others' first answers, milliseconds. */
const FIRST_ANSWERS = 150;

interface Hello {
  node: string;
  /** Differs with each start of a node's broker. */
  incarnation: string;
  /** The sender's hybrid clock: nobody falls behind anybody by more than a heartbeat. */
  clock: number;
  /** What time it is by the sender's own clock; older releases do not say. */
  wall?: number;
  /** Wants to be answered at once. */
  ask?: boolean;
  leaving?: boolean;
  /** The disk of its machine is nearly full. */
  full?: boolean;
}

export type PeerChange = (node: string, change: 'joined' | 'left' | 'restarted') => void;

/** The other nodes' brokers that are alive, as their own heartbeats tell. */
export class Members {
  readonly node: string;
  readonly incarnation = `${process.pid.toString(36)}-${Date.now().toString(36)}`;
  readonly clock: HybridClock;
  readonly #bus: Bus;
  readonly #peers = new Map<string, { incarnation: string; heard: number; full: boolean }>();
  readonly #listeners: PeerChange[] = [];
  #full = false;
  #fullMachines = 0;
  #subscriptions: Subscription[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(bus: Bus, node: string) {
    this.#bus = bus;
    this.node = node;
    this.clock = new HybridClock(node);
  }

  get peers(): string[] {
    return [...this.#peers.keys()];
  }

  /** Node and incarnation: this broker, as opposed to the same node's next one. */
  get self(): string {
    return `${this.node}#${this.incarnation}`;
  }

  /** Whether that broker is alive, as far as this one has heard. */
  isAlive(broker: string): boolean {
    if (broker === this.self) return true;
    const at = broker.lastIndexOf('#');
    return this.#peers.get(broker.slice(0, at))?.incarnation === broker.slice(at + 1);
  }

  /** Whether this node is the first of those alive, by name: the one for tasks that one must do. */
  get isFirst(): boolean {
    for (const peer of this.#peers.keys()) if (peer < this.node) return false;
    return true;
  }

  /** How many machines say that their disk is nearly full, this one included. */
  get fullMachines(): number {
    return this.#fullMachines;
  }

  /** Tells all at once whether the disk of this machine is nearly full. */
  tellFull(full: boolean): void {
    this.#full = full;
    this.#countFull();
    if (this.#bus.connected) this.#say({});
  }

  onChange(listener: PeerChange): void {
    this.#listeners.push(listener);
  }

  async start(): Promise<void> {
    this.#subscriptions.push(this.#bus.subscribe(HELLO, (data) => this.#heard(data)));
    this.#say({ ask: true });
    this.#timer = setInterval(() => {
      clusterTime.settle();
      this.#say({});
      this.#expire();
    }, HELLO_INTERVAL);
    await new Promise((resolve) => setTimeout(resolve, FIRST_ANSWERS));
    clusterTime.settle();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#bus.connected) this.#say({ leaving: true });
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#subscriptions = [];
  }

  /** Answers what other nodes ask this one under `verb`. */
  serve(verb: string, answer: (data: Buffer, message: Msg) => void): void {
    this.#subscriptions.push(this.#bus.subscribe(subjectFor(this.node, verb), answer));
  }

  /** Tells one node something without waiting for an answer. */
  tell(node: string, verb: string, data: Buffer): void {
    this.#bus.nats.publish(subjectFor(node, verb), data);
  }

  /**
   * Asks one node. Resolves with undefined when it does not answer within PEER_TIMEOUT, at once
   * when its broker is gone (NATS knows that nobody listens).
   */
  async ask(node: string, verb: string, data: Buffer | string): Promise<Buffer | undefined> {
    try {
      const options = { timeout: PEER_TIMEOUT };
      const answer = await this.#bus.nats.request(subjectFor(node, verb), data, options);
      const { buffer, byteOffset, byteLength } = answer.data;
      return Buffer.from(buffer, byteOffset, byteLength);
    } catch {
      return undefined;
    }
  }

  #say(extra: Partial<Hello>): void {
    const { node, incarnation, clock } = this;
    const full = this.#full ? { full: true } : {};
    const now = { clock: clock.latest, wall: Date.now() };
    const hello: Hello = { node, incarnation, ...now, ...full, ...extra };
    this.#bus.nats.publish(HELLO, JSON.stringify(hello));
  }

  #heard(data: Buffer): void {
    const hello = JSON.parse(data.toString()) as Hello;
    const { node, incarnation, clock, wall, ask, leaving, full = false } = hello;
    if (node === this.node || typeof node !== 'string') return;
    this.clock.observe(clock);
    const machine = nodeOfWorker(node);
    if (machine !== nodeOfWorker(this.node)) clusterTime.hear(machine, wall);
    const known = this.#peers.get(node);
    if (leaving === true) {
      if (this.#peers.delete(node)) this.#tell(node, 'left');
      this.#countFull();
      return;
    }
    this.#peers.set(node, { incarnation, heard: performance.now(), full });
    if (full !== (known?.full ?? false)) this.#countFull();
    if (known === undefined) this.#tell(node, 'joined');
    else if (known.incarnation !== incarnation) this.#tell(node, 'restarted');
    if (ask === true) this.#say({});
  }

  #expire(): void {
    const now = performance.now();
    for (const [node, { heard }] of this.#peers) {
      if (now - heard < SILENCE || !this.#bus.connected) continue;
      this.#peers.delete(node);
      this.#countFull();
      this.#tell(node, 'left');
    }
  }

  /** Brokers of one machine share its disk. */
  #countFull(): void {
    const machines = new Set<string>();
    if (this.#full) machines.add(nodeOfWorker(this.node));
    for (const [node, { full }] of this.#peers) if (full) machines.add(nodeOfWorker(node));
    this.#fullMachines = machines.size;
  }

  #tell(node: string, change: 'joined' | 'left' | 'restarted'): void {
    for (const listener of this.#listeners) listener(node, change);
  }
}

function subjectFor(node: string, verb: string): string {
  return `bramble.node.${encodeLevel(node)}.${verb}`;
}
