import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { generate, type Packet, type Parser, parser } from 'mqtt-packet';
import { pino } from 'pino';
import { parseCluster } from '#core/config/cluster.ts';
import { Broker } from '../../services/broker/broker.ts';
import { startNats } from './nats.ts';

export interface InProcessBroker {
  broker: Broker;
  port: number;
  websocketPort: number;
  peer(options?: ConnectOptions): Promise<Peer>;
  stop(): Promise<void>;
}

/**
 * A broker in this process, alone, on ports of the system's choice. With BRAMBLE_TEST_NODES=2 it is
 * two brokers with nats-servers, and each new client goes to the other one: what holds on one node
 * must hold across nodes.
 */
export async function startInProcess(
  mqtt = '{ anonymous: true }',
  options: { proxyProtocol?: boolean; trusted?: string[] } = {},
): Promise<InProcessBroker> {
  const count = Number(process.env.BRAMBLE_TEST_NODES ?? '1');
  const engine = count > 1 ? await startNats(count) : undefined;
  const nodes = Array.from({ length: count }, (_, i) => `{ name: pi${i + 1}, address: 127.0.0.1 }`);
  const text = `cluster: { name: test, secret: 0123456789abcdef }\nnodes: [${nodes.join(', ')}]\nmqtt: ${mqtt}\n`;
  const { proxyProtocol = false, trusted = ['127.0.0.1', '::1'] } = options;
  const brokers = nodes.map((_, i) => {
    const server = engine?.servers[i];
    const nats = server && { url: server.url, user: server.user, password: server.password };
    return new Broker({
      config: {
        node: `pi${i + 1}`,
        cluster: 'cluster.yaml',
        listen: {
          mqtt: { host: '127.0.0.1', port: 0, proxyProtocol },
          websocket: { host: '127.0.0.1', port: 0, proxyProtocol },
          health: { host: '127.0.0.1', port: 0 },
        },
        trusted,
        ...(nats ? { nats } : {}),
      },
      cluster: parseCluster(text),
      log: pino({ level: 'silent' }),
    });
  });
  await Promise.all(brokers.map((broker) => broker.start(new AbortController().signal)));
  const [broker] = brokers as [Broker];
  const peers: Peer[] = [];
  let next = 0;
  return {
    broker,
    port: broker.ports.mqtt,
    websocketPort: broker.ports.websocket,
    async peer(connect) {
      const peer = await Peer.open(brokers[next++ % count]!.ports.mqtt);
      peers.push(peer);
      if (connect !== undefined) await peer.connect(connect);
      return peer;
    },
    async stop() {
      for (const peer of peers) peer.socket.destroy();
      await Promise.all(brokers.map((one) => one.close()));
      await engine?.stop();
    },
  };
}

export interface ConnectOptions {
  version?: 3 | 4 | 5;
  clientId?: string;
  clean?: boolean;
  keepalive?: number;
  username?: string;
  password?: string;
  will?: Record<string, unknown>;
  properties?: Record<string, unknown>;
}

/** A packet of whatever kind, as the tests look at it. */
export interface SeenPacket {
  cmd: string;
  messageId?: number;
  topic?: string;
  payload?: Buffer;
  qos?: number;
  dup?: boolean;
  retain?: boolean;
  reasonCode?: number;
  returnCode?: number;
  sessionPresent?: boolean;
  granted?: number[];
  properties?: Record<string, unknown>;
}

const WAIT = 5_000;
let ids = 0;

/** A client of one socket that sends and sees packets as they are: no library decides for it. */
export class Peer {
  readonly socket: Socket;
  readonly received: Packet[] = [];
  /** What came, as it came. */
  readonly frames: Buffer[] = [];
  closed = false;
  version: 3 | 4 | 5 = 4;
  #parser: Parser | undefined;
  #taken = 0;
  #rest: Buffer = Buffer.alloc(0);
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  static async open(port: number): Promise<Peer> {
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const peer = new Peer(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => {
      peer.closed = true;
      peer.#wake?.();
    });
    socket.on('data', (chunk) => {
      peer.#parser ??= peer.#newParser();
      peer.#cut(chunk);
      peer.#wake?.();
    });
    return peer;
  }

  /** Sends CONNECT and returns CONNACK. */
  async connect(options: ConnectOptions = {}): Promise<SeenPacket> {
    const { version = 4, clientId = `peer-${++ids}`, clean = true, keepalive = 0 } = options;
    this.version = version;
    const { username, password, will, properties } = options;
    this.send({
      cmd: 'connect',
      protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
      protocolVersion: version,
      clean,
      clientId,
      keepalive,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password: Buffer.from(password) }),
      ...(will === undefined ? {} : { will }),
      ...(properties === undefined ? {} : { properties }),
    });
    return this.expect('connack');
  }

  send(packet: Record<string, unknown>): void {
    this.socket.write(generate(packet as unknown as Packet, { protocolVersion: this.version }));
  }

  raw(bytes: Buffer | string): void {
    this.socket.write(
      typeof bytes === 'string' ? Buffer.from(bytes.replaceAll(' ', ''), 'hex') : bytes,
    );
  }

  /** The next packet, which must be of this kind. */
  async expect(cmd: string): Promise<SeenPacket> {
    const packet = await this.next();
    if (packet?.cmd !== cmd) {
      throw new Error(
        `expected ${cmd}, got ${packet === undefined ? 'the end' : JSON.stringify(packet)}`,
      );
    }
    return packet as SeenPacket;
  }

  /** The next packet; undefined when the connection ends first. */
  async next(wait = WAIT): Promise<Packet | undefined> {
    const until = performance.now() + wait;
    while (this.#taken >= this.received.length) {
      if (this.closed) return undefined;
      const left = until - performance.now();
      if (left <= 0) throw new Error(`nothing came within ${wait} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.received[this.#taken++];
  }

  /** Fails when something comes: a PING goes first, so silence is proved, not waited for. */
  async expectNothing(): Promise<void> {
    this.send({ cmd: 'pingreq' });
    await this.expect('pingresp');
  }

  /** The topics of the next so many messages, sorted: order holds within a topic only. */
  async topics(count: number): Promise<string[]> {
    const topics: string[] = [];
    for (let i = 0; i < count; i++) topics.push((await this.expect('publish')).topic ?? '');
    return topics.sort();
  }

  /** All that comes until the answer to a PINGREQ that is sent now. */
  async settle(): Promise<Packet[]> {
    this.send({ cmd: 'pingreq' });
    const packets: Packet[] = [];
    for (;;) {
      const packet = await this.next();
      if (packet === undefined) throw new Error('the connection ended');
      if (packet.cmd === 'pingresp') return packets;
      packets.push(packet);
    }
  }

  /** The connection must end with nothing but, in MQTT 5, DISCONNECT and this reason. */
  async expectRefusal(reason: number): Promise<void> {
    if (this.version === 5) {
      const packet = await this.expect('disconnect');
      if (packet.reasonCode !== reason) {
        throw new Error(`expected reason ${hex(reason)}, got ${hex(Number(packet.reasonCode))}`);
      }
    }
    const packet = await this.next();
    if (packet !== undefined) throw new Error(`expected the end, got ${JSON.stringify(packet)}`);
  }

  /** Says DISCONNECT and waits for the end. */
  async leave(reasonCode = 0, properties?: Record<string, unknown>): Promise<void> {
    this.send({ cmd: 'disconnect', reasonCode, ...(properties ? { properties } : {}) });
    await this.expectClose();
  }

  async expectClose(): Promise<void> {
    for (;;) if ((await this.next()) === undefined) return;
  }

  async subscribe(
    topic: string,
    qos = 0,
    extra: Record<string, unknown> = {},
    properties?: Record<string, unknown>,
  ) {
    const base = this.version === 5 ? { nl: false, rap: false, rh: 0 } : {};
    this.send({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [{ topic, qos, ...base, ...extra }],
      ...(properties ? { properties } : {}),
    });
    return this.expect('suback');
  }

  /** Publishes and, with QoS 1 or 2, completes the handshake. */
  async publish(topic: string, payload: string | Buffer, options: Record<string, unknown> = {}) {
    const { qos = 0 } = options;
    this.send({
      cmd: 'publish',
      topic,
      payload,
      qos: 0,
      dup: false,
      retain: false,
      messageId: 77,
      ...options,
    });
    if (qos === 0) {
      await this.expectNothing();
      return undefined;
    }
    const ack = await this.expect(qos === 1 ? 'puback' : 'pubrec');
    if (qos === 1) return ack;
    this.send({ cmd: 'pubrel', messageId: ack.messageId });
    return this.expect('pubcomp');
  }

  /** Hands whole packets to the parser, so that each has its bytes beside it. */
  #cut(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      let length = 0;
      let at = 1;
      for (let factor = 1; ; factor *= 128) {
        if (at >= this.#rest.length) return;
        const byte = this.#rest[at++]!;
        length += (byte & 0x7f) * factor;
        if (byte < 0x80) break;
      }
      const end = at + length;
      if (this.#rest.length < end) return;
      const frame = this.#rest.subarray(0, end);
      this.#rest = this.#rest.subarray(end);
      this.frames.push(frame);
      this.#parser!.parse(frame);
    }
  }

  #newParser(): Parser {
    const parse = parser({ protocolVersion: this.version });
    parse.on('packet', (packet: Packet) => this.received.push(packet));
    return parse;
  }
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}
