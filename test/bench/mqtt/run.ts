import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientJob, Received } from './client.ts';

export interface Scenario {
  qos: 0 | 1;
  subscribers: number;
  count: number;
  /** Messages a second, 0 = full speed. */
  rate: number;
}

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

/** Runs one scenario against the broker on `port`: real clients, each in its own process. */
export async function runScenario(port: number, scenario: Scenario): Promise<Outcome> {
  const { qos, subscribers, count, rate } = scenario;
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
    for (let i = 0; i < subscribers; i++) {
      readers.push(await start({ role: 'subscribe', port, id: `s${i}${topic}`, topic, qos }));
    }
    const writer = await start({ role: 'publish', port, id: `p${topic}`, topic, qos, count, rate });
    const sent = reply(writer, 'done');
    writer.send('go');
    await sent;
    await settle(readers, count);
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
      count,
      elapsed,
      deliveries,
      expected: count * subscribers,
      perSecond: (deliveries / elapsed) * 1000,
      p50: Math.max(...results.map((r) => r.p50)),
      p99: Math.max(...results.map((r) => r.p99)),
    };
  } finally {
    for (const client of clients) client.disconnect();
  }
}

/** Waits until every reader has all `count` messages, or none has got another for QUIET. */
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
