import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startBrokers, type TestBrokers } from '../support/broker.ts';
import { type Idle, idleMemory, openIdle } from './idle.ts';
import { Mosquitto } from './mosquitto.ts';
import { type Outcome, type Ports, runScenario, type Scenario } from './mqtt/run.ts';
import { processorTime } from './processor-time.ts';

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
const CONNECTS = 3_000;
const FIRST_COLUMN = 44;
const COLUMN = 32;
const MQTT = '{ anonymous: true, limits: { connections: 20000 } }';

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const progress = (text: string): void => void process.stderr.write(`${text}\n`);

interface Subject {
  name: string;
  ports: Ports;
  /** All of its processes. */
  pids: number[];
}

/** `processor`: what all processes of the subject took together, microseconds a delivery. */
type Measured = Outcome & { processor: number };

interface Row {
  scenario: string;
  outcomes: Record<string, Measured>;
}

const mosquitto = new Mosquitto();
const clusters: TestBrokers[] = [];
try {
  await mosquitto.start();
  const subjects: Subject[] = [
    { name: 'mosquitto', ports: mosquitto.ports, pids: [mosquitto.pid] },
  ];
  for (const [name, options] of Object.entries({
    'one, durable': { count: 1 },
    'one, no log': { count: 1, nats: false },
    'three, durable': { count: 3 },
  })) {
    progress(`starting: ${name}`);
    const cluster = await startBrokers({ ...options, mqtt: MQTT });
    clusters.push(cluster);
    const [first, last] = [cluster.brokers[0]!, cluster.brokers.at(-1)!];
    const ports = { publish: first.mqttPort, subscribe: last.mqttPort };
    const processes = [...cluster.brokers, ...cluster.natsServers].map((one) => one.process!.pid!);
    subjects.push({ name, ports, pids: processes });
  }
  for (const { ports } of subjects) await runScenario(ports, WARM_UP);
  const rows: Row[] = [];
  const measure = async (scenario: string, of: (subject: Subject) => Scenario): Promise<void> => {
    progress(scenario);
    const outcomes: Row['outcomes'] = {};
    for (const subject of subjects) {
      const before = used(subject);
      const outcome = await runScenario(subject.ports, of(subject));
      const processor = (used(subject) - before) / outcome.deliveries;
      outcomes[subject.name] = { ...outcome, processor };
    }
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
  progress('connects');
  const connects: Record<string, number> = {};
  for (const { name, ports } of subjects) {
    const connections = await openIdle(ports.publish, CONNECTS);
    connects[name] = connections.perSecond;
    connections.close();
    await sleep(1_000);
  }
  for (const cluster of clusters.splice(0)) await cluster.stop();
  progress('idle connections');
  const idle = await idleMemory(MQTT);
  if (values.json) process.stdout.write(`${JSON.stringify({ rows, connects, idle })}\n`);
  else print(rows, connects, idle);
} finally {
  await mosquitto.close();
  for (const cluster of clusters) await cluster.stop();
}

function used({ pids }: Subject): number {
  return pids.reduce((sum, pid) => sum + processorTime(pid), 0);
}

function print(
  rows: readonly Row[],
  connects: Readonly<Record<string, number>>,
  idle: readonly Idle[],
): void {
  const names = Object.keys(rows[0]!.outcomes);
  const out = (cells: readonly string[]): void => {
    const [first, ...rest] = cells;
    const line = rest.map((cell) => cell.padStart(COLUMN)).join('');
    process.stdout.write(`${first!.padEnd(FIRST_COLUMN)}${line}\n`);
  };
  out(['128 bytes: deliveries/s (ratio) p99 ms, µs', ...names]);
  for (const { scenario, outcomes } of rows) {
    const peer = outcomes.mosquitto!.perSecond;
    out([
      scenario,
      ...names.map((name) => {
        const { perSecond, p99, deliveries, expected, processor } = outcomes[name]!;
        const lost = deliveries === expected ? '' : ` -${expected - deliveries}`;
        const rate = `${(perSecond / 1e3).toFixed(1)}k (${(perSecond / peer).toFixed(2)})`;
        return `${rate} ${p99.toFixed(1)}, ${processor.toFixed(2)}${lost}`;
      }),
    ]);
  }
  const peer = connects.mosquitto!;
  const rate = (perSecond: number) => `${perSecond.toFixed(0)} (${(perSecond / peer).toFixed(2)})`;
  out(['connects/s (ratio)', ...names.map((name) => rate(connects[name]!))]);
  const bytes = new Map(idle.map((one) => [one.name, one.bytes]));
  out(['bytes an idle connection', ...names.map((name) => bytes.get(name)!.toFixed(0))]);
}
