import { parseArgs } from 'node:util';
import { BrambleCluster } from './bramble.ts';
import { Mosquitto } from './mosquitto.ts';
import { type Outcome, runScenario, type Scenario } from './mqtt/run.ts';
import { peakRss, rss } from './rss.ts';

/**
 * `make bench`: the dev cluster through its balancer beside Mosquitto alone, in the same run on
 * the same machine, alternately. Prints figures and ratios; `--json` for machines.
 */
const SCENARIOS: Record<string, Scenario> = {
  'QoS 0, 1→1, full speed': { qos: 0, subscribers: 1, count: 200_000, rate: 0 },
  'QoS 0, 1→10, full speed': { qos: 0, subscribers: 10, count: 30_000, rate: 0 },
  'QoS 1, 1→1, full speed': { qos: 1, subscribers: 1, count: 60_000, rate: 0 },
  'QoS 0, 1→1, 3000/s': { qos: 0, subscribers: 1, count: 9000, rate: 3000 },
  'QoS 1, 1→1, 3000/s': { qos: 1, subscribers: 1, count: 9000, rate: 3000 },
};
const MEBIBYTE = 1 << 20;

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, nodes: { type: 'string', default: '2' } },
});

const mosquitto = new Mosquitto();
const cluster = new BrambleCluster(Number(values.nodes));
const progress = (text: string): void => void process.stderr.write(`${text}\n`);
const rows: { name: string; bramble: Outcome; mosquitto: Outcome }[] = [];
let atRest: [string, number][] = [];
let underLoad: [string, number][] = [];
try {
  progress('starting Mosquitto and the cluster');
  await Promise.all([mosquitto.start(), cluster.start()]);
  const processes = [...cluster.pids, ['mosquitto', mosquitto.pid] as [string, number]];
  atRest = processes.map(([name, pid]) => [name, rss(pid)]);
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    progress(name);
    const peer = await runScenario(mosquitto.port, scenario);
    rows.push({
      name,
      mosquitto: peer,
      bramble: await runScenario(cluster.ports.mqtt, scenario),
    });
  }
  underLoad = processes.map(([name, pid]) => [name, peakRss(pid)]);
} finally {
  await Promise.all([cluster.close(), mosquitto.close()]);
}

if (values.json) {
  const memory = { atRest: Object.fromEntries(atRest), peak: Object.fromEntries(underLoad) };
  console.log(JSON.stringify({ startup: cluster.startup, rows, memory }, null, 2));
} else {
  console.log(`\nStart to ready: ${(cluster.startup / 1000).toFixed(2)} s\n`);
  console.log(
    '128-byte messages       bramble msg/s   mosquitto   ratio   p99 ms (peer)   received',
  );
  for (const { name, bramble, mosquitto: peer } of rows) {
    const cells = [
      name.padEnd(24),
      bramble.perSecond.toFixed(0).padStart(12),
      peer.perSecond.toFixed(0).padStart(12),
      (bramble.perSecond / peer.perSecond).toFixed(2).padStart(8),
      `${bramble.p99.toFixed(2)} (${peer.p99.toFixed(2)})`.padStart(17),
      `${bramble.deliveries}/${bramble.expected}`.padStart(16),
    ];
    console.log(cells.join(''));
  }
  console.log('\nResident memory, MiB     at rest      peak');
  for (const [index, [name, bytes]] of atRest.entries()) {
    const peak = underLoad[index]![1] / MEBIBYTE;
    console.log(
      `${name.padEnd(20)}${(bytes / MEBIBYTE).toFixed(1).padStart(12)}${peak.toFixed(1).padStart(10)}`,
    );
  }
}
