import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import kafkajs from 'kafkajs';
import { expect, test } from 'vitest';
import { eventually } from '../support/broker.ts';
import { startKafka } from '../support/kafka/kafka.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const TIMEOUT = 180_000;

test(
  'a topic is shown as its records arrive, from the first one on when it is not there yet',
  async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'bramble-tail-'));
    const kafka = await startKafka();
    const cluster = path.join(folder, 'cluster.yaml');
    await writeFile(
      cluster,
      `cluster: { name: home, secret: ${'s'.repeat(32)} }
nodes: [{ name: pi1, address: 192.168.1.11 }]
kafka: { bootstrap: ${JSON.stringify(kafka.bootstrap)} }
`,
    );
    const program = `import { tailTopic } from './provisioning/admin/kafka-tail.ts';
process.exitCode = await tailTopic(${JSON.stringify(cluster)}, 'late', (text) => process.stdout.write(text));`;
    const child = spawn(path.join(ROOT, 'bin/node'), ['--input-type=module', '-e', program], {
      cwd: ROOT,
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk;
    });
    const client = new kafkajs.Kafka({
      brokers: kafka.bootstrap,
      logLevel: kafkajs.logLevel.NOTHING,
    });
    const producer = client.producer({
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    });
    const admin = client.admin();
    try {
      await eventually('it waits', () => err.includes('no topic late yet'), 60_000);
      await admin.connect();
      await admin.createTopics({ topics: [{ topic: 'late', numPartitions: 1 }] });
      await producer.connect();
      await producer.send({ topic: 'late', messages: [{ key: 'k', value: 'first \u001b[31m' }] });
      await producer.send({ topic: 'late', messages: [{ value: 'second' }] });
      await eventually('both are shown', () => out.includes('second'), 60_000);
      const lines = out.trim().split('\n');
      expect(lines).toHaveLength(2);
      expect(lines[0]).toMatch(/^0\/0 {2}k {2}first /);
      expect(out).not.toContain('\u001b');
      expect(lines[1]).toMatch(/^0\/1 {2}- {2}second$/);
      expect(err.trim().split('\n')).toHaveLength(1);
      child.kill('SIGINT');
      expect(await once(child, 'exit')).toEqual([0, null]);
    } finally {
      child.kill('SIGKILL');
      await producer.disconnect();
      await admin.disconnect();
      await kafka.stop();
      await rm(folder, { recursive: true });
    }
  },
  TIMEOUT,
);
