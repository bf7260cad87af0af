import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientJob, Received } from './client.ts';

export interface Scenario {
  qos: 0 | 1;
  subscribers: number;
  /** Default 1. */
  publishers?: number;
  /** Messages of each publisher. */
  count: number;
  /** Messages a second of each publisher, 0 = full speed. */
  rate: number;
}

/** Where publishers and subscribers connect to. */
export interface Ports {
  publish: number;
  subscribe: number;
}

/** Subscribers that get a process each; more share one. */
const OWN_PROCESS = 10;

export interface Outcome extends Received {
  /** Deliveries over all subscribers; count × subscribers when nothing was dropped. */
  deliveries: number;
  expected: number;
  /** Deliveries a second. */
  perSecond: number;
}

/** A subscriber that has got nothing for this long has got all it will get, milliseconds. */
const QUIET = 1500;
const POLL = 250;

/** Runs one scenario: real clients, in processes of their own. */
export async function runScenario(ports: Ports, scenario: Scenario): Promise<Outcome> {
  const { qos, subscribers, publishers = 1, count, rate } = scenario;
  const topic = `bench/${process.pid}/${Math.random().toString(36).slice(2)}`;
  const clients: ChildProcess[] = [];
  const start = async (job: ClientJob): Promise<ChildProcess> => {
    const file = path.join(import.meta.dirname, 'client.ts');
    const child = fork(file, [JSON.stringify(job)]);
    clients.push(child);
    await reply(child, 'ready');
    return child;
  };
  try {
    const readers: ChildProcess[] = [];
    const processes = subscribers > OWN_PROCESS ? 1 : subscribers;
    const connections = subscribers / processes;
    const base = { topic, qos };
    for (let i = 0; i < processes; i++) {
      const job = { ...base, port: ports.subscribe, id: `s${i}${topic}`, connections };
      readers.push(await start({ ...job, role: 'subscribe' }));
    }
    const job = { ...base, port: ports.publish, id: `p${topic}`, connections: publishers };
    const writer = await start({ ...job, role: 'publish', count, rate });
    const total = count * publishers;
    const sent = reply(writer, 'done');
    writer.send('go');
    await sent;
    await settle(readers, total * connections);
    const results = await Promise.all(
      readers.map((reader) => {
        const done = reply(reader, 'done');
        reader.send('stop');
        return done as Promise<unknown> as Promise<Received>;
      }),
    );
    const deliveries = results.reduce((sum, r) => sum + r.count, 0);
    const elapsed = Math.max(...results.map((r) => r.elapsed));
    return {
      count: total,
      elapsed,
      deliveries,
      expected: total * subscribers,
      perSecond: (deliveries / elapsed) * 1000,
      p50: Math.max(...results.map((r) => r.p50)),
      p99: Math.max(...results.map((r) => r.p99)),
    };
  } finally {
    for (const client of clients) client.disconnect();
  }
}

/** Waits until every reader process has `count` messages, or none has got another for QUIET. */
async function settle(readers: ChildProcess[], count: number): Promise<void> {
  let before = -1;
  let quietSince = Date.now();
  for (;;) {
    const counts = await Promise.all(
      readers.map(async (reader) => {
        const answer = reply(reader, 'count');
        reader.send('count');
        return Number((await answer).count);
      }),
    );
    if (counts.every((n) => n >= count)) return;
    const total = counts.reduce((a, b) => a + b, 0);
    if (total !== before) quietSince = Date.now();
    else if (Date.now() - quietSince > QUIET) return;
    before = total;
    await sleep(POLL);
  }
}

function reply(child: ChildProcess, event: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown): void => {
      const answer = message as Record<string, unknown>;
      if (answer.event === 'failed') reject(new Error(`load client: ${answer.error}`));
      if (answer.event !== event) return;
      child.off('message', onMessage);
      child.off('exit', onExit);
      resolve(answer);
    };
    const onExit = (code: number | null): void => {
      reject(new Error(`load client ended with ${code}`));
    };
    child.on('message', onMessage);
    child.on('exit', onExit);
  });
}
