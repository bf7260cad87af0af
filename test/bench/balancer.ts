import { parseArgs } from 'node:util';
import { Authority } from '../support/authority.ts';
import { affordable } from './balancer/descriptors.ts';
import { type Figure, type Memory, medianOf, type Row } from './balancer/figures.ts';
import { idleBytes } from './balancer/idle.ts';
import { BODY_BYTES, startOrigin } from './balancer/origin.ts';
import { table } from './balancer/report.ts';
import { type Plane, type Subject, startNodeProxy, startSubject } from './balancer/subjects.ts';
import { runWrk } from './balancer/wrk.ts';
import { processorTime } from './processor-time.ts';
import { rss } from './rss.ts';

/**
 * `make bench`, the balancer's part: one worker of ours beside HAProxy with one thread and beside
 * a proxy library for Node, same file, same server, in turns, several rounds, of which the median
 * counts. Rates depend on what else the machine does and on who generates the load; processor time
 * for each request (user and system, all threads) hardly does: on a busy machine only that ratio
 * means something. `--json` for machines.
 */
const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '64' },
    idle: { type: 'string', default: '10000' },
  },
});
const seconds = Number(values.seconds);
/** Connections before those that are measured, so that programs are compiled and tables allocated. */
const WARM_UP = 100;

interface Scenario {
  name: string;
  plane: Plane;
  /** Of the rate, and how much one request counts. */
  unit: string;
  scale?: number;
  path?: string;
  connections?: number;
  close?: boolean;
}

/** Gigabits of one response. */
const GIGABITS = (BODY_BYTES * 8) / 1e9;
const bodies = { path: '/body', connections: 8, unit: 'Gbit/s', scale: GIGABITS };
const SCENARIOS: readonly Scenario[] = [
  { name: 'HTTP, keep-alive', plane: 'http', unit: 'req/s' },
  { name: 'HTTP, a connection each', plane: 'http', unit: 'conn/s', close: true },
  { name: 'HTTP, 1 MB bodies', plane: 'http', ...bodies },
  { name: 'HTTPS, keep-alive', plane: 'https', unit: 'req/s' },
  { name: 'HTTPS, a connection each', plane: 'https', unit: 'conn/s', close: true },
  { name: 'HTTPS, 1 MB bodies', plane: 'https', ...bodies },
  { name: 'TCP, requests', plane: 'tcp', unit: 'req/s' },
  { name: 'TCP, a connection each', plane: 'tcp', unit: 'conn/s', close: true },
  { name: 'TCP, 1 MB bodies', plane: 'tcp', ...bodies },
  { name: 'TCP with TLS, requests', plane: 'tls', unit: 'req/s' },
];

function loadOf(subject: Subject, { plane, path = '/', connections, close }: Scenario) {
  const scheme = plane === 'https' || plane === 'tls' ? 'https' : 'http';
  const url = `${scheme}://127.0.0.1:${subject.ports[plane]}${path}`;
  return { url, connections: connections ?? Number(values.connections), close: close ?? false };
}

const warmUp = (subject: Subject, scenario: Scenario) =>
  runWrk({ ...loadOf(subject, scenario), seconds: 2 });

async function measure(subject: Subject, scenario: Scenario): Promise<Figure> {
  const { pid } = subject.process;
  const before = processorTime(pid);
  const result = await runWrk({ ...loadOf(subject, scenario), seconds });
  const cost = (processorTime(pid) - before) / result.requests;
  const rate = (result.requests / result.seconds) * (scenario.scale ?? 1);
  return { rate, p99: result.p99, cost, failures: result.failures, resident: rss(pid) };
}

const progress = (text: string): void => void process.stderr.write(`${text}\n`);
const authority = new Authority();
const { file } = authority.issue('bench.pem', ['bench.test']);
const origin = await startOrigin();
const starters: readonly (() => Promise<Subject>)[] = [
  () => startSubject('HAProxy', origin.port, file),
  () => startSubject('Bramble', origin.port, file),
  () => startNodeProxy(origin.port, file),
];
const subjects: Subject[] = [];
try {
  for (const start of starters) subjects.push(await start());

  const rows: Row[] = [];
  for (const scenario of SCENARIOS.filter(({ name }) => name.includes(values.only))) {
    progress(scenario.name);
    const taking = subjects.filter(({ planes }) => planes.includes(scenario.plane));
    const rounds: Record<string, Figure[]> = {};
    for (const subject of taking) await warmUp(subject, scenario);
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const subject of taking) {
        rounds[subject.name] ??= [];
        rounds[subject.name]!.push(await measure(subject, scenario));
      }
    }
    const figures = Object.fromEntries(
      Object.entries(rounds).map(([name, each]) => [name, medianOf(each)]),
    );
    rows.push({ name: scenario.name, unit: scenario.unit, figures });
  }

  const memory: Memory[] = [];
  for (const plane of Number(values.idle) > 0 ? (['http', 'https', 'tcp'] as const) : []) {
    const count = Math.min(Number(values.idle), affordable());
    progress(`${count} idle connections, ${plane}`);
    const bytes: Record<string, number> = {};
    for (const start of starters) {
      // A fresh one: what the load has left free would hide what connections take.
      const subject = await start();
      try {
        if (!subject.planes.includes(plane)) continue;
        await idleBytes(subject, plane, WARM_UP);
        bytes[subject.name] = await idleBytes(subject, plane, count);
      } finally {
        await subject.process.stop('SIGKILL');
      }
    }
    memory.push({ plane, count, bytes });
  }
  console.log(values.json ? JSON.stringify({ rows, memory }, null, 2) : table(rows, memory));
} finally {
  await Promise.all(subjects.map((subject) => subject.process.stop('SIGKILL')));
  await origin.close();
  authority.remove();
}
