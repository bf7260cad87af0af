import mqtt from 'mqtt';
import { afterEach, expect, test } from 'vitest';
import { ClusterLab, type LabNode } from '../support/cluster-lab.ts';
import { seconds } from './duration.ts';
import { report } from './report.ts';

const TOPICS = 200;
const LOAD = seconds(8, 20);

let lab: ClusterLab | undefined;
afterEach(() => lab?.stop());

test('retained messages: the leader of their stream dies, then the power of all', async (context) => {
  lab = await ClusterLab.start();
  const { nodes } = lab;
  await lab.settled();
  const leader = (await nodes[0]!.leaders()).get('BRAMBLE_RETAINED');
  const dying = nodes.find(({ name }) => name === leader) ?? nodes[0]!;
  const living = nodes.filter((node) => node !== dying);
  const acknowledged = new Array<number>(TOPICS).fill(0);
  const waits: number[] = [];
  const until = performance.now() + LOAD;
  const publishing = living.map(async (node, half) => {
    const client = await connect(node);
    let number = 0;
    while (performance.now() < until) {
      number++;
      await Promise.all(
        Array.from({ length: TOPICS / 2 }, async (_, i) => {
          const from = performance.now();
          const topic = half * (TOPICS / 2) + i;
          await client.publishAsync(`kept/${topic}`, String(number), { qos: 1, retain: true });
          acknowledged[topic] = number;
          waits.push(performance.now() - from);
        }),
      );
    }
    client.end(true);
  });
  await pause(LOAD / 4);
  await Promise.all([dying.broker.kill('SIGKILL'), dying.engine.kill('SIGKILL')]);
  await Promise.all(publishing);
  await lab.killAll();
  await Promise.all(nodes.map((node) => node.start()));
  const reader = await connect(dying);
  const found = new Map<string, number>();
  reader.on('message', (topic, payload) => found.set(topic, Number(payload.toString())));
  await reader.subscribeAsync('kept/#', { qos: 1 });
  await pause(1_500);
  reader.end(true);
  const older = acknowledged.filter((number, i) => (found.get(`kept/${i}`) ?? 0) < number).length;
  waits.sort((a, b) => a - b);
  const at = (share: number) => String(Math.round(waits[Math.floor(waits.length * share)] ?? 0));
  report(context, {
    acknowledged: String(waits.length),
    lost: String(older),
    'publish p50': at(0.5),
    p99: at(0.99),
    max: String(Math.round(waits.at(-1) ?? 0)),
    note: `topics ${TOPICS}, with an older message than acknowledged ${older}`,
  });
  expect(older).toBe(0);
});

function connect({ host, port }: LabNode) {
  return mqtt.connectAsync({ host, port, reconnectPeriod: 0 });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
