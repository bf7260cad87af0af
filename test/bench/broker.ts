import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import mqttPacket from 'mqtt-packet';
import { startBrokers, type TestBrokers } from '../support/broker.ts';
import { Mosquitto } from './mosquitto.ts';
import { type Outcome, type Ports, runScenario, type Scenario } from './mqtt/run.ts';
import { rss } from './rss.ts';

/**
 * The second part of `make bench`: brokers without the balancer beside Mosquitto, in the same run, alternately:
 * one with the durable log on one nats-server, one without any log, and three as a cluster where
 * publishers and subscribers are on different nodes. Mosquitto keeps nothing on disk.
 */
const FULL: Record<string, Scenario> = {
  'QoS 0, 1→1': { qos: 0, subscribers: 1, count: 400_000, rate: 0 },
  'QoS 0, 1→10': { qos: 0, subscribers: 10, count: 40_000, rate: 0 },
  'QoS 0, 1→1000': { qos: 0, subscribers: 1_000, count: 400, rate: 0 },
  'QoS 0, 100→1': { qos: 0, subscribers: 1, publishers: 100, count: 3_000, rate: 0 },
  'QoS 1, 1→1': { qos: 1, subscribers: 1, count: 150_000, rate: 0 },
  'QoS 1, 100→1': { qos: 1, subscribers: 1, publishers: 100, count: 1_500, rate: 0 },
  'QoS 1, 1→10': { qos: 1, subscribers: 10, count: 15_000, rate: 0 },
};
const WARM_UP: Scenario = { qos: 1, subscribers: 2, count: 20_000, rate: 0 };
/** A paced run lasts so long, seconds. */
const PACED = 4;
const IDLE = 2_000;

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const progress = (text: string): void => void process.stderr.write(`${text}\n`);

interface Subject {
  name: string;
  ports: Ports;
  pid: number;
}

interface Row {
  scenario: string;
  outcomes: Record<string, Outcome>;
}

const mosquitto = new Mosquitto();
const clusters: TestBrokers[] = [];
try {
  await mosquitto.start();
  const mqtt = '{ anonymous: true, limits: { connections: 20000 } }';
  const subjects: Subject[] = [{ name: 'mosquitto', ports: mosquitto.ports, pid: mosquitto.pid }];
  for (const [name, options] of Object.entries({
    'one, durable': { count: 1 },
    'one, no log': { count: 1, nats: false },
    'three, durable': { count: 3 },
  })) {
    progress(`starting: ${name}`);
    const cluster = await startBrokers({ ...options, mqtt });
    clusters.push(cluster);
    const [first, last] = [cluster.brokers[0]!, cluster.brokers.at(-1)!];
    const ports = { publish: first.mqttPort, subscribe: last.mqttPort };
    subjects.push({ name, ports, pid: last.process!.pid! });
  }
  for (const { ports } of subjects) await runScenario(ports, WARM_UP);
  const rows: Row[] = [];
  const measure = async (scenario: string, of: (subject: Subject) => Scenario): Promise<void> => {
    progress(scenario);
    const outcomes: Row['outcomes'] = {};
    for (const subject of subjects)
      outcomes[subject.name] = await runScenario(subject.ports, of(subject));
    rows.push({ scenario, outcomes });
  };
  for (const [name, scenario] of Object.entries(FULL)) await measure(name, () => scenario);
  for (const name of ['QoS 0, 1→1', 'QoS 1, 1→1']) {
    const fastest = rows.find((row) => row.scenario === name)!.outcomes.mosquitto!;
    const rate = Math.floor(fastest.perSecond / 2);
    const { qos } = FULL[name]!;
    await measure(`${name}, half of Mosquitto's rate`, () => ({
      qos,
      subscribers: 1,
      count: rate * PACED,
      rate,
    }));
  }
  progress('connects, and idle connections');
  const connects: Record<string, { perSecond: number; idleBytes: number }> = {};
  for (const { name, ports, pid } of subjects) connects[name] = await idle(ports.publish, pid);
  if (values.json) process.stdout.write(`${JSON.stringify({ rows, connects })}\n`);
  else print(rows, connects);
} finally {
  await mosquitto.close();
  for (const cluster of clusters) await cluster.stop();
}

/** Opens IDLE connections as fast as it goes; what each costs while it does nothing. */
async function idle(port: number, pid: number): Promise<{ perSecond: number; idleBytes: number }> {
  const before = rss(pid);
  const sockets: Socket[] = [];
  const from = performance.now();
  const open = async (id: number): Promise<void> => {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    await once(socket, 'connect');
    const clientId = `idle-${id}`;
    const packet = { cmd: 'connect', clientId, clean: true, keepalive: 0 };
    socket.write(mqttPacket.generate(packet as never));
    await once(socket, 'data');
  };
  for (let at = 0; at < IDLE; at += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, i) => open(at + i)));
  }
  const perSecond = (IDLE / (performance.now() - from)) * 1_000;
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const idleBytes = (rss(pid) - before) / IDLE;
  for (const socket of sockets) socket.destroy();
  return { perSecond, idleBytes };
}

function print(
  rows: readonly Row[],
  connects: Record<string, { perSecond: number; idleBytes: number }>,
): void {
  const names = Object.keys(rows[0]!.outcomes);
  const out = (cells: readonly string[]): void => {
    process.stdout.write(
      `${cells[0]!.padEnd(36)}${cells
        .slice(1)
        .map((c) => c.padStart(26))
        .join('')}\n`,
    );
  };
  out(['128 bytes: deliveries/s (ratio) p99 ms', ...names]);
  for (const { scenario, outcomes } of rows) {
    const peer = outcomes.mosquitto!.perSecond;
    out([
      scenario,
      ...names.map((name) => {
        const { perSecond, p99, deliveries, expected } = outcomes[name]!;
        const lost = deliveries === expected ? '' : ` -${expected - deliveries}`;
        return `${(perSecond / 1e3).toFixed(1)}k (${(perSecond / peer).toFixed(2)}) ${p99.toFixed(1)}${lost}`;
      }),
    ]);
  }
  const peer = connects.mosquitto!.perSecond;
  out([
    'connects/s (ratio)',
    ...names.map((n) => {
      const { perSecond } = connects[n]!;
      return `${perSecond.toFixed(0)} (${(perSecond / peer).toFixed(2)})`;
    }),
  ]);
  out(['bytes an idle connection', ...names.map((n) => connects[n]!.idleBytes.toFixed(0))]);
}
