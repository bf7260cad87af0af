import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import mqttPacket from 'mqtt-packet';
import {
  CONNACK,
  FrameReader,
  PAYLOAD_BYTES,
  PUBACK,
  PUBLISH,
  payloadOffset,
  STAMP_BYTES,
  SUBACK,
} from './frames.ts';

/**
 * Load clients in a process of their own: `client.ts JSON`. Talks to its parent over IPC:
 * `{event:'ready'}`, then for publishers waits for 'go'; at the end `{event:'done', …}`.
 */
export type ClientJob = {
  port: number;
  id: string;
  topic: string;
  qos: 0 | 1;
  /** Connections in this process. */
  connections: number;
} & (
  | { role: 'subscribe' }
  | {
      role: 'publish';
      /** How many messages each connection sends. */
      count: number;
      /** Messages a second of each; 0 = as fast as the broker takes them. */
      rate: number;
    }
);

export interface Received {
  count: number;
  /** Milliseconds from the first to the last message. */
  elapsed: number;
  /** Milliseconds from sending to receiving. */
  p50: number;
  p99: number;
}

/** QoS 1 publishes that may be unacknowledged. */
const WINDOW = 200;
/** Frames in one write of the publisher. */
const BATCH = 50;
/** How often a paced publisher sends, milliseconds. */
const PACE = 2;
/** Latencies kept for the percentiles. */
const SAMPLES = 2_000_000;

const job = JSON.parse(process.argv[2]!) as ClientJob;
const send = (message: object): void => void process.send!(message);
process.on('disconnect', () => process.exit());

type OnFrame = (head: number, buffer: Buffer, body: number, end: number) => void;

async function open(index: number, onFrame: OnFrame): Promise<Socket> {
  const socket = connect(job.port, '127.0.0.1');
  socket.setNoDelay(true);
  socket.on('error', (error) => {
    send({ event: 'failed', error: String(error) });
    process.exit(1);
  });
  await once(socket, 'connect');
  const reader = new FrameReader(onFrame);
  socket.on('data', (chunk: Buffer) => reader.push(chunk));
  const clientId = `${job.id}/${index}`;
  socket.write(
    mqttPacket.generate({ cmd: 'connect', clientId, clean: true, keepalive: 0 } as never),
  );
  return socket;
}

/** What all subscribers of this process have got together. */
class Tally {
  readonly #latencies = new Float64Array(SAMPLES);
  count = 0;
  #first = 0n;
  #last = 0n;

  add(sentAt: bigint): void {
    this.#last = process.hrtime.bigint();
    if (this.count === 0) this.#first = this.#last;
    if (this.count < SAMPLES) this.#latencies[this.count] = Number(this.#last - sentAt) / 1e6;
    this.count++;
  }

  result(): Received {
    const sorted = this.#latencies.subarray(0, Math.min(this.count, SAMPLES)).sort();
    const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
    const elapsed = Number(this.#last - this.#first) / 1e6;
    return { count: this.count, elapsed, p50: at(0.5), p99: at(0.99) };
  }
}

async function subscribeOne(index: number, tally: Tally): Promise<void> {
  let acks: number[] = [];
  const { promise: subscribed, resolve } = Promise.withResolvers<void>();
  const socket = await open(index, (head, buffer, body) => {
    const type = head & 0xf0;
    if (type === PUBLISH) {
      const payload = payloadOffset(head, buffer, body);
      tally.add(buffer.readBigUInt64LE(payload));
      if ((head & 0x06) !== 0) acks.push(buffer.readUInt16BE(payload - 2));
    } else if (type === CONNACK) {
      const subscriptions = [{ topic: job.topic, qos: job.qos }];
      const packet = { cmd: 'subscribe', messageId: 1, subscriptions };
      socket.write(mqttPacket.generate(packet as never));
    } else if (type === SUBACK) {
      resolve();
    }
  });
  socket.on('data', () => {
    if (acks.length === 0) return;
    const out = Buffer.allocUnsafe(acks.length * 4);
    for (const [i, id] of acks.entries()) out.writeUInt32BE(0x4002_0000 + id, i * 4);
    acks = [];
    socket.write(out);
  });
  await subscribed;
}

async function subscribe(): Promise<void> {
  const tally = new Tally();
  await Promise.all(
    Array.from({ length: job.connections }, (_, index) => subscribeOne(index, tally)),
  );
  process.on('message', (message) => {
    if (message === 'count') send({ event: 'count', count: tally.count });
    else send({ event: 'done', ...tally.result() });
  });
  send({ event: 'ready' });
}

/** Connects; the function that it resolves with sends all, and resolves when all is acknowledged. */
async function publisher(index: number, count: number, rate: number): Promise<() => Promise<void>> {
  const frames = Array.from({ length: WINDOW }, (_, i) => frame(i + 1));
  const stamp = frames[0]!.length - PAYLOAD_BYTES;
  const done = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<void>();
  let sent = 0;
  let acked = 0;
  let going = false;

  const socket = await open(index, (head) => {
    if ((head & 0xf0) === CONNACK) ready.resolve();
    else if ((head & 0xf0) === PUBACK) acked++;
  });
  /** Sends up to `most` frames; false when the socket wants a pause. */
  const burst = (most: number): boolean => {
    const some = Math.min(most, count - sent);
    const list: Buffer[] = [];
    const now = process.hrtime.bigint();
    for (let i = 0; i < some; i++) {
      const next = frames[(sent + i) % WINDOW]!;
      next.writeBigUInt64LE(now, stamp);
      list.push(next);
    }
    sent += some;
    return socket.write(Buffer.concat(list));
  };
  const finish = (): void => {
    if (sent === count && (job.qos === 0 || acked === count)) done.resolve();
  };
  const room = (): number => (job.qos === 0 ? BATCH : Math.min(BATCH, WINDOW - (sent - acked)));
  const pump = (): void => {
    while (sent < count && room() > 0) if (!burst(room())) break;
    finish();
  };
  const full = rate === 0;
  socket.on('data', () => (full && job.qos === 1 && going ? pump() : finish()));
  if (full) socket.on('drain', pump);
  await ready.promise;
  return () => {
    going = true;
    if (full) {
      pump();
      return done.promise;
    }
    const from = performance.now();
    const timer = setInterval(() => {
      const due = Math.min(Math.floor(((performance.now() - from) * rate) / 1000), count) - sent;
      if (due > 0) burst(job.qos === 0 ? due : Math.min(due, WINDOW - (sent - acked)));
      if (sent < count) return;
      clearInterval(timer);
      finish();
    }, PACE);
    return done.promise;
  };
}

async function publish(count: number, rate: number): Promise<void> {
  const publishers = await Promise.all(
    Array.from({ length: job.connections }, (_, index) => publisher(index, count, rate)),
  );
  process.on('message', () => {
    void Promise.all(publishers.map((go) => go())).then(() => send({ event: 'done' }));
  });
  send({ event: 'ready' });
}

function frame(messageId: number): Buffer {
  const payload = Buffer.alloc(PAYLOAD_BYTES, 'x');
  payload.fill(0, 0, STAMP_BYTES);
  const packet = { cmd: 'publish', topic: job.topic, qos: job.qos, messageId, payload };
  return mqttPacket.generate({ ...packet, retain: false, dup: false } as never);
}

await (job.role === 'subscribe' ? subscribe() : publish(job.count, job.rate));
