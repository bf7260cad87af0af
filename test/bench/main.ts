import { rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type Dev, startDev, tempDir } from '../support/dev.ts';
import { Mosquitto } from './mosquitto.ts';
import { runScenario, type Scenario } from './mqtt/run.ts';
import { type Figures, report } from './report.ts';
import { peakRss, rss } from './rss.ts';

/**
 * `make bench`: the dev cluster through its balancer beside Mosquitto alone, in the same run on
 * the same machine, alternately. Publisher and subscriber are on different brokers, since the
 * balancer spreads them. Prints figures and ratios; `--json` for machines.
 */
const SCENARIOS: Record<string, Scenario> = {
  'QoS 0, 1→1, full speed': { qos: 0, subscribers: 1, count: 300_000, rate: 0 },
  'QoS 0, 1→10, full speed': { qos: 0, subscribers: 10, count: 30_000, rate: 0 },
  'QoS 1, 1→1, full speed': { qos: 1, subscribers: 1, count: 100_000, rate: 0 },
  'QoS 0, 1→1, 3000/s': { qos: 0, subscribers: 1, count: 9000, rate: 3000 },
  'QoS 1, 1→1, 3000/s': { qos: 1, subscribers: 1, count: 9000, rate: 3000 },
};
/** Both brokers compile and fill caches on this one, which nobody reports. */
const WARM_UP: Scenario = { qos: 1, subscribers: 2, count: 20_000, rate: 0 };

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, nodes: { type: 'string', default: '2' } },
});
const nodes = Number(values.nodes);
const progress = (text: string): void => void process.stderr.write(`${text}\n`);

async function timedStart(data: string): Promise<{ dev: Dev; took: number }> {
  const from = performance.now();
  const dev = await startDev({ nodes, data });
  await dev.ready();
  return { dev, took: performance.now() - from };
}

const data = await tempDir();
const mosquitto = new Mosquitto();
let dev: Dev | undefined;
const startup: Figures['startup'] = { first: 0, again: 0 };
const rows: Figures['rows'] = [];
let memory: Figures['memory'] = [];
try {
  progress('starting Mosquitto and the cluster');
  await mosquitto.start();
  ({ dev, took: startup.first } = await timedStart(data));
  const names = [...new Set(dev.events.map(({ name }) => name))].filter((name) => name);
  const pids = new Map(names.map((name) => [name!, dev!.pidOf(name!)]));
  pids.set('bramble dev', dev.child.pid!).set('mosquitto', mosquitto.pid);
  memory = [...pids].map(([name, pid]) => ({ name, atRest: rss(pid), peak: 0 }));

  const through = { publish: dev.ports.mqtt, subscribe: dev.ports.mqtt };
  await runScenario(mosquitto.ports, WARM_UP);
  await runScenario(through, WARM_UP);
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    progress(name);
    const peer = await runScenario(mosquitto.ports, scenario);
    rows.push({ name, mosquitto: peer, bramble: await runScenario(through, scenario) });
  }
  for (const entry of memory) entry.peak = peakRss(pids.get(entry.name)!);

  progress('stopping, and starting again on the same data');
  await dev.stop();
  ({ dev, took: startup.again } = await timedStart(data));
} finally {
  await Promise.all([dev?.[Symbol.asyncDispose](), mosquitto.close()]);
  await rm(data, { recursive: true, force: true });
}

const figures: Figures = { startup, rows, memory };
console.log(values.json ? JSON.stringify(figures, null, 2) : report(figures));
