import { startBrokers, type TestBrokers } from './broker.ts';
import { type ConnectOptions, Peer } from './broker-peer.ts';

export interface Trio {
  cluster: TestBrokers;
  /** Connects with TCP only, to the next node. */
  open(): Promise<Peer>;
  /** A client of MQTT 3.1.1 on the next node: two in a row are on different nodes. */
  v4(options?: ConnectOptions): Promise<Peer>;
  /** The same with MQTT 5. */
  v5(options?: ConnectOptions): Promise<Peer>;
  of(version: 4 | 5, options?: ConnectOptions): Promise<Peer>;
  /** Cuts every client off. */
  drop(): void;
  stop(): Promise<void>;
}

const MQTT = `{
  anonymous: true,
  users: [{ name: reader, password: secret }, { name: chief, password: secret, admin: true }],
  acl: [{ topic: forbidden/#, access: deny }, { topic: '#', access: readwrite },
        { topic: $SYS/#, access: read }, { topic: $other/#, access: readwrite }],
  limits: { packet: 64 KiB, topicLength: 65535 }
}`;

/** Three broker processes, each with its nats-server: what the conformance tests talk to. */
export async function startTrio(mqtt = MQTT): Promise<Trio> {
  const cluster = await startBrokers({ count: 3, websocket: true, mqtt });
  const peers: Peer[] = [];
  let next = 0;
  const open = async (): Promise<Peer> => {
    const peer = await Peer.open(cluster.brokers[next++ % 3]!.mqttPort);
    peers.push(peer);
    return peer;
  };
  const of = async (version: 4 | 5, options: ConnectOptions = {}): Promise<Peer> => {
    const peer = await open();
    await peer.connect({ ...options, version });
    return peer;
  };
  const drop = (): void => {
    for (const peer of peers) peer.socket.destroy();
  };
  return {
    cluster,
    open,
    of,
    v4: (options) => of(4, options),
    v5: (options) => of(5, options),
    drop,
    async stop() {
      drop();
      await cluster.stop();
    },
  };
}

let fences = 0;

/** Topics of a fence: more than the log has shards, since order holds within one only. */
const POSTS = 12;

/**
 * Proves that nothing more of what `publisher` has sent is on its way to `subscriber`: messages of
 * QoS 0 and 1 that are sent last, over all of the log's shards, must be the next that come.
 */
export async function fence(publisher: Peer, subscriber: Peer): Promise<void> {
  const base = `fence/${++fences}`;
  await subscriber.subscribe(`${base}/+`, 0);
  for (let i = 0; i < POSTS; i++) await publisher.publish(`${base}/${i}`, 'x', { qos: i % 2 });
  for (let i = 0; i < POSTS; i++) {
    const got = await subscriber.expect('publish');
    if (got.topic?.startsWith(base) !== true) {
      throw new Error(`nothing was expected, ${got.topic} came`);
    }
  }
}
