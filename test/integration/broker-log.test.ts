import { afterEach, expect, test } from 'vitest';
import type { Cursor } from '#core/message-log/cursor.ts';
import type { LogRecord } from '#core/message-log/log-record.ts';
import type { JetStreamLog, LogCounters } from '../../services/broker/log/jetstream-log.ts';
import { eventually, pause } from '../support/broker.ts';
import { LogNode, percentile, Tally } from '../support/log-nodes.ts';
import { type NatsServer, startNats } from '../support/nats.ts';

let servers: NatsServer[] = [];
let nodes: LogNode[] = [];
let stop: (() => Promise<void>) | undefined;

afterEach(async () => {
  for (const node of nodes) await node.close();
  await stop?.();
  nodes = [];
  stop = undefined;
});

/** Each server leads a shard, as it is some time after the start. */
async function startCluster(count: number): Promise<void> {
  const options = { careInterval: 500 };
  ({ servers, stop } = await startNats(count));
  for (const server of servers) {
    const node = new LogNode(server, count, options);
    nodes.push(node);
    await node.start();
  }
  await eventually(
    'leaders spread',
    async () => (await leaders()) === count || count === 1,
    60_000,
  );
}

/** Servers that lead a shard. */
async function leaders(): Promise<number> {
  const infos = await nodes[0]!.log.info();
  return new Set(infos.map(({ leader }) => leader)).size;
}

async function readAll(log: JetStreamLog, from: Cursor): Promise<Tally> {
  const tally = new Tally();
  const reader = log.reader(from);
  for (;;) {
    const found: LogRecord | 'head' | 'wait' = reader.next();
    if (found === 'head') break;
    if (found === 'wait') await reader.load();
    else for (const message of found.messages) tally.take(message);
  }
  expect(reader.lost).toBe(0);
  return tally;
}

/** The server that leads the most shards, or the fewest. */
async function leading(most: boolean): Promise<number> {
  const infos = await nodes[0]!.log.info();
  const counts = servers.map(({ name }) => infos.filter(({ leader }) => leader === name).length);
  return counts.indexOf(most ? Math.max(...counts) : Math.min(...counts));
}

interface Totals {
  failovers: number;
  secondCopies: number;
  filled: number;
}

/** Load on two nodes, the fault in the middle of it, and then everything accounted for. */
async function during(
  what: string,
  writing: readonly number[],
  fault: () => Promise<void>,
): Promise<Totals> {
  const writers = writing.map((i) => nodes[i]!);
  const cursor = nodes[0]!.log.head.clone();
  for (const writer of writers) writer.startLoad(1_000);
  await pause(1_500);
  await fault();
  await pause(2_000);
  for (const writer of writers) writer.stopLoad();
  await eventually('all settled', () => writers.every((w) => w.settled === w.appended), 60_000);
  const confirmed = new Set(writers.flatMap((writer) => [...writer.confirmed]));
  const missing = (): boolean => nodes.some(({ tally }) => tally.times.size < confirmed.size);
  await eventually('all read', () => !missing(), 60_000);
  await pause(1_000);
  const appends = writers.flatMap((writer) => writer.latencies);
  const reads = writers.flatMap(({ tally }) => tally.latencies);
  const sum = (counter: keyof LogCounters): number =>
    nodes.reduce((total, { log }) => total + log.counters[counter], 0);
  const totals = {
    failovers: sum('failovers'),
    secondCopies: sum('secondCopies'),
    filled: sum('filled'),
  };
  const failed = writers.reduce((total, writer) => total + writer.failed, 0);
  console.log(
    `${what}: ${confirmed.size} confirmed, ${failed} failed; append p99 ` +
      `${percentile(appends, 0.99).toFixed(0)} max ${percentile(appends, 1).toFixed(0)} ms, ` +
      `read p99 ${percentile(reads, 0.99).toFixed(0)} max ${percentile(reads, 1).toFixed(0)} ms; ` +
      `${totals.failovers} turns, ${sum('resent')} resent, ` +
      `${totals.secondCopies} second copies, ${totals.filled} asked for, ${sum('lost')} lost`,
  );
  for (const [i, { tally }] of nodes.entries()) {
    expect(tally.wrong(confirmed), `node ${i}: not exactly once`).toEqual([]);
    expect(tally.repeated, `node ${i}: repeated`).toBe(0);
    expect(tally.disordered, `node ${i}: out of order`).toBe(0);
  }
  for (const [i, { log }] of nodes.entries()) {
    const tally = await readAll(log, cursor);
    expect(tally.wrong(confirmed), `reader of node ${i}: not exactly once`).toEqual([]);
    expect(tally.repeated, `reader of node ${i}: repeated`).toBe(0);
    expect(tally.disordered, `reader of node ${i}: out of order`).toBe(0);
  }
  expect(failed).toBe(0);
  return totals;
}

/** The nodes but one. */
function others(victim: number): number[] {
  return [0, 1, 2].filter((i) => i !== victim);
}

test('a server that leads shards is killed and comes back', async () => {
  await startCluster(3);
  const victim = await leading(true);
  await during('leader killed', others(victim), async () => {
    await servers[victim]!.kill();
    await pause(4_000);
    await servers[victim]!.restart();
    await pause(4_000);
  });
});

test('a server that leads shards freezes for ten seconds', async () => {
  await startCluster(3);
  const victim = await leading(true);
  await during('leader frozen', others(victim), async () => {
    servers[victim]!.process.kill('SIGSTOP');
    await pause(10_000);
    servers[victim]!.process.kill('SIGCONT');
    await pause(2_000);
  });
});

test('the server that leads the fewest shards is killed', async () => {
  await startCluster(3);
  const victim = await leading(false);
  await during('follower killed', others(victim), async () => {
    await servers[victim]!.kill();
    await pause(3_000);
    await servers[victim]!.restart();
  });
});

test('all servers are killed and come back', async () => {
  await startCluster(3);
  await during('all killed', [0, 1], async () => {
    await Promise.all(servers.map((server) => server.kill()));
    await Promise.all(servers.map((server) => server.restart()));
  });
});

test('the server of a writer freezes for a moment, and its records arrive twice', async () => {
  await startCluster(3);
  const victim = await leading(false);
  const totals = await during('own server frozen', [victim, others(victim)[0]!], async () => {
    servers[victim]!.process.kill('SIGSTOP');
    await pause(2_500);
    servers[victim]!.process.kill('SIGCONT');
    await pause(2_000);
  });
  expect(totals.failovers).toBeGreaterThan(0);
  expect(totals.secondCopies).toBeGreaterThan(0);
});

test('the server of a writer is killed, and what waited is written when it is back', async () => {
  await startCluster(3);
  const victim = await leading(true);
  await during('own server killed', [victim, others(victim)[0]!], async () => {
    await servers[victim]!.kill();
    await pause(2_000);
    await servers[victim]!.restart();
    await pause(2_000);
  });
});

test('the servers are restarted one after the other', async () => {
  await startCluster(3);
  await during('rolling restart', [0, 1, 2], async () => {
    for (const server of servers) {
      await server.kill('SIGTERM');
      await server.restart();
      await pause(1_000);
    }
  });
});

test('how fast the log is, on one node and on three', async () => {
  for (const count of [1, 3]) {
    await startCluster(count);
    const [node] = nodes;
    const from = node!.log.head.clone();
    const total = 40_000;
    const payload = Buffer.alloc(128);
    const started = performance.now();
    for (let i = 0; i < total; i++) {
      payload.writeDoubleBE(performance.now());
      node!.append(`rate/${i % 100}`, payload);
      while (i + 1 - node!.settled > 4_000) await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually('settled', () => node!.settled === total, 60_000);
    const appended = performance.now() - started;
    await eventually('read', () => nodes.every(({ tally }) => tally.total === total), 60_000);
    const begun = performance.now();
    const tally = await readAll(node!.log, from);
    const read = performance.now() - begun;
    console.log(
      `${count} node(s), ${total} messages of 128 bytes: ` +
        `${Math.round((total / appended) * 1000)} durable/s, ` +
        `latency p50 ${percentile(node!.latencies, 0.5).toFixed(1)} ` +
        `p99 ${percentile(node!.latencies, 0.99).toFixed(1)} ms, ` +
        `${node!.log.counters.records} records, ` +
        `read again ${Math.round((total / read) * 1000)}/s`,
    );
    expect(node!.failed).toBe(0);
    expect(tally.times.size).toBe(total);
    expect(tally.repeated).toBe(0);
    for (const one of nodes) await one.close();
    await stop?.();
    nodes = [];
    stop = undefined;
  }
});
