import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderBalancer } from '../../provisioning/render/balancer.ts';
import { eventually, pause, startBrokers, type TestBrokers } from '../support/broker.ts';
import { freePorts } from '../support/ports.ts';
import { type ProxyProcess, startProxy } from '../support/proxy-process.ts';
import { planOf } from '../unit/provisioning/plan.ts';

const START = 120_000;
const CLIENTS = 6;
/** The rendered hours, as seconds that a test can wait. */
const HOURS = { '3h': '6s', '1h': '1s' };
const SILENCE = 3_000;

/** Port 1884, for connectors such as Kafka Connect's: few, long-lived, silent for hours. */
describe('the connectors port', () => {
  let cluster: TestBrokers;
  let balancer: ProxyProcess;
  let ports: { mqtt: number; connectors: number };
  const clients: MqttClient[] = [];

  beforeAll(async () => {
    cluster = await startBrokers({ count: 2, proxyProtocol: true, websocket: true });
    const plan = planOf(2, { openStats: true });
    const [front, connectors, websocket, stats] = await freePorts(4);
    ports = { mqtt: front!, connectors: connectors! };
    const text = renderBalancer({
      ...plan,
      ports: { ...plan.ports, ...ports, websocket: websocket!, stats: stats! },
      nodes: plan.nodes.map((node, i) => {
        const { mqttPort, websocketPort } = cluster.brokers[i]!;
        return { ...node, ports: { ...node.ports, mqtt: mqttPort, websocket: websocketPort } };
      }),
    });
    let config = text;
    for (const [hours, seconds] of Object.entries(HOURS)) {
      expect(config).toContain(hours);
      config = config.replaceAll(hours, seconds);
    }
    balancer = await startProxy('bin/bramble-balancer', [], {
      config,
      ports: [ports.mqtt, ports.connectors],
    });
  }, START);

  afterAll(async () => {
    for (const client of clients) client.end(true);
    await balancer?.stop();
    await cluster?.stop();
  });

  const open = async (port: number): Promise<MqttClient> => {
    const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { keepalive: 0, reconnectPeriod: 0 });
    clients.push(client);
    client.on('error', () => {});
    await new Promise<void>((resolve, reject) => {
      client.once('connect', () => resolve());
      client.once('close', () => reject(new Error('closed before CONNACK')));
    });
    return client;
  };

  test('clients go where the fewest are', async () => {
    for (let i = 0; i < CLIENTS; i++) await open(ports.connectors);
    const counts = await Promise.all(
      cluster.brokers.map(async (broker) => (await broker.status()).clients),
    );
    expect(counts).toEqual([CLIENTS / 2, CLIENTS / 2]);
  });

  test('one that says nothing stays, and hears what comes', async () => {
    const silent = await open(ports.connectors);
    await silent.subscribeAsync('wake/up', { qos: 1 });
    const elsewhere = await open(ports.mqtt);
    let cut = false;
    elsewhere.once('close', () => {
      cut = true;
    });
    const heard: string[] = [];
    silent.on('message', (topic) => heard.push(topic));
    await pause(SILENCE);
    // The same silence ends a connection where the limit is the shorter one.
    expect(cut).toBe(true);
    expect(silent.connected).toBe(true);
    const publisher = await open(ports.connectors);
    await publisher.publishAsync('wake/up', 'x', { qos: 1 });
    await eventually('it hears', () => heard.length === 1);
  });
});
