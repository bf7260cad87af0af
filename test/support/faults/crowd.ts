import net, { type Socket } from 'node:net';
import { generate } from 'mqtt-packet';
import type { Endpoint } from '../cluster-lab.ts';

const RETRY = 200;
const CONNACK = 0x20;
const SUBACK = 0x90;

interface Member {
  socket: Socket | undefined;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Many clients with persistent sessions (MQTT 3.1.1, clean session off), as cheap as a socket: they
 * do nothing but connect and subscribe, and are counted.
 */
export class Crowd {
  readonly #members: Member[];
  readonly #frames: Buffer[];
  #from = 0;
  #generation = 0;
  /** Of the last `connect`: CONNACKs that accepted, and those of them that found their session. */
  accepted = 0;
  present = 0;
  subscribed = 0;
  /** Of the last `connect`: from its begin to each CONNACK, milliseconds, ascending. */
  times: number[] = [];

  constructor(count: number) {
    this.#members = Array.from({ length: count }, () => ({ socket: undefined, timer: undefined }));
    this.#frames = this.#members.map((_, i) =>
      generate({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean: false,
        clientId: `crowd-${i}`,
        keepalive: 0,
      }),
    );
  }

  /** Begins to connect everyone at once; who is refused tries again, where `place` says. */
  async connect(place: (index: number) => Endpoint): Promise<void> {
    this.accepted = 0;
    this.present = 0;
    this.times = [];
    this.#from = performance.now();
    const generation = ++this.#generation;
    for (let i = 0; i < this.#members.length; i++) {
      this.#open(i, place, generation);
      // A turn of the event loop now and then, or the first answers wait for the last SYN.
      if (i % 200 === 199) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Each subscribes to a topic of its own; resolves when all have their SUBACK or time is up. */
  async subscribe(timeout = 60_000): Promise<void> {
    const until = performance.now() + timeout;
    for (const [i, { socket }] of this.#members.entries()) {
      const subscriptions = [{ topic: `crowd/${i}/#`, qos: 1 as const }];
      socket?.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions }));
    }
    while (this.subscribed < this.#members.length && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Drops every connection. */
  cut(): void {
    this.#generation++;
    for (const member of this.#members) {
      clearTimeout(member.timer);
      member.socket?.destroy();
      member.socket = undefined;
    }
  }

  close(): void {
    this.cut();
  }

  #open(index: number, place: (index: number) => Endpoint, generation: number): void {
    const member = this.#members[index]!;
    const { host, port } = place(index);
    const socket = net.connect(port, host);
    member.socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('connect', () => socket.write(this.#frames[index]!));
    socket.on('data', (data) => this.#onData(data, generation));
    socket.on('close', () => {
      if (generation !== this.#generation) return;
      member.timer = setTimeout(() => this.#open(index, place, generation), RETRY);
    });
  }

  /** Only CONNACK and SUBACK come, each in one small segment. */
  #onData(data: Buffer, generation: number): void {
    if (generation !== this.#generation) return;
    if (data[0] === SUBACK) this.subscribed++;
    if (data[0] !== CONNACK || data[3] !== 0) return;
    this.accepted++;
    if (data[2] === 1) this.present++;
    this.times.push(performance.now() - this.#from);
  }
}
