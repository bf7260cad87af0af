import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { loadCluster } from '#core/config/cluster.ts';
import type { BrokerConfig } from '#core/contracts/service-config.ts';
import { Broker } from '../../services/broker/broker.ts';
import { Peer } from './broker-peer.ts';

export interface GuardedBroker {
  broker: Broker;
  clusterFile: string;
  /** What it has logged, parsed. */
  lines: Record<string, unknown>[];
  /** Its audit lines for one action. */
  audit(action: string): Record<string, unknown>[];
  /** Writes another `mqtt` part and reloads. */
  reload(mqtt: string): Promise<void>;
  peer(): Promise<Peer>;
  stop(): Promise<void>;
}

export interface GuardedOptions {
  proxyProtocol?: boolean;
  tls?: boolean;
  admin?: { token: string };
  health?: number;
  node?: string;
  nodes?: number;
  nats?: { url: string; user: string; password: string };
}

/** One broker in this process with its log at hand, on ports of the system's choice. */
export async function startGuarded(
  mqtt: string,
  options: GuardedOptions = {},
): Promise<GuardedBroker> {
  const directory = await mkdtemp(path.join(tmpdir(), 'bramble-guarded-'));
  const clusterFile = path.join(directory, 'cluster.yaml');
  const { proxyProtocol = false, tls = false, node = 'pi1', nodes = 1 } = options;
  const list = Array.from({ length: nodes }, (_, i) => `{ name: pi${i + 1}, address: 127.0.0.1 }`);
  const write = (part: string): Promise<void> => {
    const head = `cluster: { name: test, secret: 0123456789abcdef }\nnodes: [${list.join(', ')}]\n`;
    return writeFile(clusterFile, `${head}mqtt: ${part}\n`);
  };
  await write(mqtt);
  const lines: Record<string, unknown>[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
      done();
    },
  });
  const on = { host: '127.0.0.1', port: 0, proxyProtocol };
  const config: BrokerConfig = {
    node,
    cluster: clusterFile,
    listen: {
      mqtt: on,
      websocket: on,
      ...(tls ? { mqttTls: on, websocketTls: on } : {}),
      health: { host: '127.0.0.1', port: options.health ?? 0 },
    },
    trusted: ['127.0.0.1'],
    ...(options.admin === undefined ? {} : { admin: options.admin }),
    ...(options.nats === undefined ? {} : { nats: options.nats }),
  };
  const log = pino({ level: 'debug', base: {} }, sink);
  const broker = new Broker({ config, cluster: loadCluster(clusterFile), log });
  await broker.start(new AbortController().signal);
  const peers: Peer[] = [];
  return {
    broker,
    clusterFile,
    lines,
    audit: (action) => lines.filter((line) => line.audit === true && line.action === action),
    async reload(part) {
      await write(part);
      await broker.reload();
    },
    async peer() {
      const peer = await Peer.open(broker.ports.mqtt);
      peers.push(peer);
      return peer;
    },
    async stop() {
      for (const peer of peers) peer.socket.destroy();
      await broker.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A PROXY protocol version 2 header for a client at this IPv4 address. */
export function proxyHeader(address: string, port = 40_000): Buffer {
  const header = Buffer.alloc(28);
  Buffer.from('0d0a0d0a000d0a515549540a', 'hex').copy(header);
  header[12] = 0x21;
  header[13] = 0x11;
  header.writeUInt16BE(12, 14);
  for (const [i, part] of address.split('.').entries()) header[16 + i] = Number(part);
  header[20] = 127;
  header[23] = 1;
  header.writeUInt16BE(port, 24);
  header.writeUInt16BE(1883, 26);
  return header;
}
