import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { parseCluster } from '#core/config/cluster.ts';
import { renderAlerts } from '../../provisioning/render/alerts.ts';
import { debianProgram } from '../support/debian-parts.ts';

const promtool = debianProgram('promtool');
const SUMMARIES = /\{\{ \$(labels|value)/;

const clusterOf = (nodes: number) =>
  parseCluster(`cluster: { name: home, secret: 0123456789abcdef0123 }
nodes:
${Array.from({ length: nodes }, (_, i) => `  - { name: pi${i + 1}, address: 192.168.1.1${i + 1} }`).join('\n')}
vip: 192.168.1.10
mqtt: { users: [{ name: a, password: a-password-of-mine }] }
monitoring: { token: sixteen-or-more-characters }
kafka: { bootstrap: [192.168.1.20:9092] }
bridge: { alert: 0.4, toKafka: [{ name: all, filters: ['#'], topic: mqtt }] }
`);

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'bramble-alerts-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** What somebody is told, at a minute of the story. */
interface Told {
  minute: number;
  alert: string;
  /** `severity instance`, of those that fire. */
  firing: string[];
}

/** Samples of a minute each, in promtool's notation (`1x5`: 1 and five more). */
type Story = Record<string, string>;

const SERIES = (text: string): string => text.replaceAll('{', '{job="bramble-home",');

async function tell(nodes: number, story: Story, told: Told[]): Promise<string> {
  const rules = path.join(directory, `rules-${nodes}.yml`);
  await writeFile(rules, renderAlerts({ cluster: clusterOf(nodes), clusterFile: 'cluster.yaml' }));
  // promtool compares all labels and annotations; who fires is asked as a query instead.
  const tests = {
    rule_files: [rules],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: Object.entries(story).map(([series, values]) => ({
          series: SERIES(series),
          values,
        })),
        promql_expr_test: told.map(({ minute, alert, firing }) => ({
          expr: `count by (severity, instance) (ALERTS{alertname="${alert}",alertstate="firing"})`,
          eval_time: `${minute}m`,
          exp_samples: firing.map((one) => {
            const [severity = '', instance = ''] = one.split(' ');
            const of = instance === '' ? '' : `instance="${instance}",`;
            return { labels: `{${of}severity="${severity}"}`, value: 1 };
          }),
        })),
      },
    ],
  };
  const file = path.join(directory, `test-${nodes}-${Object.keys(story).length}.yml`);
  await writeFile(file, stringify(tests));
  const { stdout, stderr, status } = spawnSync(promtool!, ['test', 'rules', file], {
    encoding: 'utf8',
  });
  return status === 0 ? '' : stdout + stderr;
}

test.runIf(promtool)("Prometheus' own tool takes the alerts of one to six nodes", async () => {
  const counts: string[] = [];
  for (let nodes = 1; nodes <= 6; nodes++) {
    const file = path.join(directory, `check-${nodes}.yml`);
    await writeFile(file, renderAlerts({ cluster: clusterOf(nodes), clusterFile: 'cluster.yaml' }));
    const { stdout, status } = spawnSync(promtool!, ['check', 'rules', file], { encoding: 'utf8' });
    expect(status, stdout).toBe(0);
    counts.push(/(\d+) rules/.exec(stdout)?.[1] ?? '?');
  }
  console.log(`alerts of 1 to 6 nodes: ${counts.join(' ')}`);
});

test.runIf(promtool)('who is down, who is left, and whether that is enough', async () => {
  const up = (node: number, values: string): Story => ({
    [`up{instance="pi${node}"}`]: values,
    [`bramble_broker_nats_connected{instance="pi${node}"}`]: values.replaceAll('0x', '_x'),
  });
  const three = { ...up(1, '1x30'), ...up(2, '1x4 0x20'), ...up(3, '1x14 0x10') };
  const told = await tell(3, three, [
    { minute: 4, alert: 'BrambleNodeDown', firing: [] },
    { minute: 7, alert: 'BrambleNodeDown', firing: ['warning pi2'] },
    { minute: 7, alert: 'BrambleNoMajority', firing: [] },
    // Samples count for five minutes where a node says nothing at all.
    { minute: 22, alert: 'BrambleNodeDown', firing: ['warning pi2', 'warning pi3'] },
    { minute: 22, alert: 'BrambleNoMajority', firing: ['critical'] },
  ]);
  expect(told).toBe('');
  const five = Object.assign(
    {},
    ...[1, 2, 3].map((n) => up(n, '1x30')),
    ...[4, 5].map((n) => up(n, '0x30')),
  );
  expect(
    await tell(5, five, [
      { minute: 10, alert: 'BrambleMajorityAtRisk', firing: ['critical'] },
      { minute: 10, alert: 'BrambleNoMajority', firing: [] },
    ]),
  ).toBe('');
});

test.runIf(promtool)('a node that is hot, until it is cooler by five degrees', async () => {
  const story = {
    'bramble_node_temperature_celsius{instance="pi1"}': '60x1 72x8 67x5 64x5 72x2 60x5',
  };
  const told = await tell(1, story, [
    { minute: 5, alert: 'BrambleHot', firing: [] },
    { minute: 8, alert: 'BrambleHot', firing: ['warning pi1'] },
    // Below 70, not below 65.
    { minute: 15, alert: 'BrambleHot', firing: ['warning pi1'] },
    { minute: 18, alert: 'BrambleHot', firing: [] },
    // Not for long enough.
    { minute: 24, alert: 'BrambleHot', firing: [] },
  ]);
  expect(told).toBe('');
});

test.runIf(promtool)(
  'disks, the address, the bridge, and what starts again and again',
  async () => {
    const disk = 'instance="pi1",mount="/data"';
    const story = {
      [`bramble_node_disk_size_bytes{${disk}}`]: '1000x60',
      [`bramble_node_disk_used_bytes{${disk}}`]: '700x5 850x15 950x40',
      'bramble_node_disk_read_only{instance="pi2",mount="/"}': '0x5 1x55',
      'bramble_vip_owned{instance="pi1"}': '1x10 0x50',
      'bramble_vip_owned{instance="pi2"}': '0x14 1x46',
      'bramble_bridge_to_kafka{instance="pi1",mapping="all",what="retention_used"}': '0.1x5 0.5x55',
      'process_start_time_seconds{instance="pi1",service="broker"}': '1x5 2x2 3x2 4x2 5x48',
    };
    const told = await tell(2, story, [
      { minute: 12, alert: 'BrambleDiskFull', firing: [] },
      { minute: 18, alert: 'BrambleDiskFull', firing: ['warning pi1'] },
      { minute: 25, alert: 'BrambleDiskFull', firing: ['warning pi1', 'critical pi1'] },
      { minute: 4, alert: 'BrambleDiskReadOnly', firing: [] },
      { minute: 7, alert: 'BrambleDiskReadOnly', firing: ['critical pi2'] },
      { minute: 9, alert: 'BrambleAddressUnowned', firing: [] },
      { minute: 13, alert: 'BrambleAddressUnowned', firing: ['critical'] },
      { minute: 16, alert: 'BrambleAddressUnowned', firing: [] },
      { minute: 9, alert: 'BrambleBridgeBehind', firing: ['warning'] },
      { minute: 11, alert: 'BrambleServiceRestarts', firing: [] },
      { minute: 15, alert: 'BrambleServiceRestarts', firing: ['warning pi1'] },
    ]);
    expect(told).toBe('');
  },
);

test('without an address or a bridge nobody is told of them', () => {
  const plain = parseCluster(`cluster: { name: home, secret: 0123456789abcdef0123 }
nodes: [{ name: pi1, address: 192.168.1.11 }]
mqtt: { users: [{ name: a, password: a-password-of-mine }] }
monitoring: { token: sixteen-or-more-characters }
`);
  const text = renderAlerts({ cluster: plain, clusterFile: 'cluster.yaml' });
  expect(text).not.toMatch(/Address|Kafka|Bridge/);
  expect(text).not.toContain('sixteen-or-more');
  const summaries = text.split('\n').filter((line) => line.includes('summary:'));
  expect(summaries.every((line) => SUMMARIES.test(line))).toBe(true);
});
