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
  return {
    cluster,
    open,
    of,
    v4: (options) => of(4, options),
    v5: (options) => of(5, options),
    async stop() {
      for (const peer of peers) peer.socket.destroy();
      await cluster.stop();
    },
  };
}

let fences = 0;

/**
 * Proves that nothing more of what `publisher` has sent is on its way to `subscriber`: a QoS 0 and
 * a QoS 1 message sent last must be the next that come.
 */
export async function fence(publisher: Peer, subscriber: Peer): Promise<void> {
  const topic = `fence/${++fences}`;
  await subscriber.subscribe(topic, 0);
  await publisher.publish(topic, 'a', { qos: 0 });
  await publisher.publish(topic, 'b', { qos: 1 });
  for (let i = 0; i < 2; i++) {
    const got = await subscriber.expect('publish');
    if (got.topic !== topic) throw new Error(`nothing was expected, ${got.topic} came`);
  }
}
